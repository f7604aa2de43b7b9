from __future__ import annotations

import random
from collections.abc import Callable

import gevent
import pytest
from gevent.monkey import get_original
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.compression.codecs import Codec
from flask_rf.compression.codecs import make_codec
from flask_rf.compression.codecs import run

from .decoding import decode
from .decoding import Decoder
from .decoding import zstd

CODINGS = ("gzip", "deflate", "br", "zstd")
LARGE = 128 * 1024  # bytes, by the rule
thread_id: Callable[[], int] = get_original("_thread", "get_ident")


def codec(coding: str, level: int = 4) -> Codec:
    if coding == "zstd":
        zstd()
    return make_codec(coding, level)


@pytest.mark.parametrize("coding", CODINGS)
@given(body=st.binary(max_size=2000))
def test_a_body_comes_back_as_it_was(coding: str, body: bytes) -> None:
    assert decode(coding, codec(coding).compress(body)) == body


@pytest.mark.parametrize("coding", CODINGS)
@given(chunks=st.lists(st.binary(min_size=1, max_size=300)))
def test_each_chunk_of_a_stream_can_be_decoded_at_once(coding: str, chunks: list[bytes]) -> None:
    encoder, decoder = codec(coding).encoder(), Decoder(coding)
    encoded = []
    for chunk in chunks:
        encoded.append(encoder.chunk(chunk))
        assert decoder.feed(encoded[-1]) == chunk
    assert decode(coding, b"".join([*encoded, encoder.end()])) == b"".join(chunks)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_higher_level_compresses_better(coding: str) -> None:
    words = random.Random(1).choices(["ship", "order", "cart", "user", "paid", "open"], k=5000)
    body = " ".join(words).encode()
    assert len(codec(coding, 9).compress(body)) < len(codec(coding, 1).compress(body))


@pytest.mark.parametrize("level", [1, 3, 19])
def test_rule_14_zstd_needs_a_window_of_at_most_8_megabytes(level: int) -> None:
    header = codec("zstd", level).encoder().chunk(b"event")
    # RFC 8878, section 3.1.1: no content size and no single segment, so a window descriptor.
    assert header[:4] == bytes.fromhex("28b52ffd")
    assert header[4] & 0b1110_0000 == 0
    exponent, mantissa = header[5] >> 3, header[5] & 0b111
    assert (1 << 10 + exponent) * (8 + mantissa) // 8 <= 8 * 1024 * 1024


@pytest.mark.parametrize("coding", CODINGS)
def test_rule_37_compressed_bytes_are_deterministic(coding: str) -> None:
    body = b"the same bytes every time " * 100
    assert codec(coding).compress(body) == codec(coding).compress(body)


def test_rule_37_gzip_names_no_time() -> None:
    assert codec("gzip").compress(b"body")[4:8] == bytes(4)
    assert codec("gzip").encoder().chunk(b"body")[4:8] == bytes(4)


def thread_of(size: int) -> int:
    """The thread that encodes a body of ``size`` bytes for the calling greenlet."""
    threads: list[int] = []

    def encode(data: bytes) -> bytes:
        threads.append(thread_id())
        return data

    assert run(encode, bytes(size)) == bytes(size)
    return threads[0]


def test_rule_41_a_large_body_is_encoded_off_the_loop() -> None:
    assert gevent.spawn(thread_of, LARGE).get() != thread_id()


def test_rule_41_a_small_body_is_encoded_where_it_is() -> None:
    assert gevent.spawn(thread_of, LARGE - 1).get() == thread_id()


def test_rule_41_the_loop_turns_meanwhile() -> None:
    go = get_original("_thread", "allocate_lock")()
    go.acquire()
    waited = []

    def encode(data: bytes) -> bytes:
        waited.append(go.acquire(timeout=30))
        return data

    encoding = gevent.spawn(run, encode, bytes(LARGE))
    gevent.spawn(go.release)
    encoding.get()
    assert waited == [True]


def test_rule_41_without_a_loop_the_caller_encodes() -> None:
    assert thread_of(LARGE) == thread_id()


def test_rule_41_errors_come_back_from_the_thread() -> None:
    def encode(data: bytes) -> bytes:
        raise MemoryError(len(data))

    greenlet = gevent.spawn(run, encode, bytes(LARGE))
    with pytest.raises(MemoryError):
        greenlet.get()
