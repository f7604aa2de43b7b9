from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_rf import Compress
from flask_rf.compression.cache import CompressedCache
from flask_rf.compression.cache import ENTRY_OVERHEAD
from flask_rf.compression.codecs import Codec
from flask_rf.compression.codecs import make_codec

GZIP = make_codec("gzip", 6)


def key_of(text: str, codec: Codec = GZIP) -> tuple[bytes, str, int]:
    return CompressedCache(1000).key(codec, text.encode())


def room_for(entries: int, size: int = 100) -> CompressedCache:
    return CompressedCache(entries * (size + ENTRY_OVERHEAD))


def test_rule_40_the_least_recently_used_body_goes_first() -> None:
    cache = room_for(2)
    cache.put(key_of("a"), bytes(100))
    cache.put(key_of("b"), bytes(100))
    cache.get(key_of("a"))
    cache.put(key_of("c"), bytes(100))
    kept = [text for text in "abc" if cache.get(key_of(text)) is not None]
    assert kept == ["a", "c"]


def test_rule_40_a_body_larger_than_the_cache_is_not_kept() -> None:
    cache = room_for(2)
    cache.put(key_of("a"), bytes(100))
    cache.put(key_of("b"), bytes(5000))
    assert cache.get(key_of("b")) is None
    assert cache.get(key_of("a")) is not None


def test_rule_40_content_coding_and_level_are_the_key() -> None:
    codecs = [GZIP, make_codec("gzip", 7), make_codec("br", 6)]
    keys = {key_of(text, codec) for text in ("a", "b") for codec in codecs}
    assert len(keys) == 6


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 800))))
def test_rule_40_the_cache_never_exceeds_its_bytes(puts: list[tuple[int, int]]) -> None:
    cache = CompressedCache(3000)
    for number, size in puts:
        cache.put(key_of(str(number)), bytes(size))
        assert cache.size <= 3000
    held = [cache.get(key_of(str(number))) for number in range(21)]
    assert cache.size == sum(len(body) + ENTRY_OVERHEAD for body in held if body is not None)


@pytest.fixture
def bodies(app: Flask) -> Iterator[str]:
    """What the app's root answers, one after the other."""
    answers = iter(["first " * 200, "second " * 200, "first " * 200])
    app.add_url_rule("/", "root", lambda: next(answers))
    return answers


def get(app: Flask) -> bytes:
    return app.test_client().get("/", headers={"Accept-Encoding": "gzip"}).data


def test_rule_40_one_url_with_changing_content_is_never_stale(
    app: Flask, bodies: Iterator[str]
) -> None:
    Compress(app)
    first, second, again = get(app), get(app), get(app)
    assert first == again != second


def test_rule_40_content_sent_again_is_not_compressed_again(
    app: Flask, bodies: Iterator[str]
) -> None:
    compressor = Compress(app).compiled
    get(app), get(app)
    size = compressor.cache.size
    get(app)
    assert compressor.cache.size == size > 2 * ENTRY_OVERHEAD


def test_what_must_not_be_stored_is_not_kept(app: Flask) -> None:
    compressor = Compress(app).compiled
    app.add_url_rule("/", "root", lambda: ("secret " * 200, {"Cache-Control": "no-store"}))
    get(app)
    assert compressor.cache.size == 0


def test_a_cache_of_no_bytes_keeps_nothing(app: Flask, bodies: Iterator[str]) -> None:
    compressor = Compress(app, cache_size=0).compiled
    assert get(app) != get(app)
    assert compressor.cache.size == 0
