"""A file being read, as Python's own open files are."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.storage import Pieces
from flask_rf.storage import Reader
from flask_rf.storage.operation import Operation


def reader(*pieces: bytes, closed: list[str] | None = None) -> Reader:
    close = (closed if closed is not None else []).append
    operation = Operation(Flask("shop"), "files", "read_stream", "a")
    return Reader(Pieces(iter(pieces), lambda: close("closed")), operation)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=9), st.integers(1, 12))
def test_pieces_are_read_in_any_sizes(pieces: list[bytes], size: int) -> None:
    with reader(*pieces) as stream:
        assert b"".join(iter(lambda: stream.read(size), b"")) == b"".join(pieces)
    with reader(*pieces) as stream:
        head = stream.read(size)
        assert head + b"".join(stream) == b"".join(pieces)


def test_it_is_a_stream_like_others() -> None:
    stream = io.BufferedReader(reader(b"one\ntw", b"o\n"))
    assert stream.readlines() == [b"one\n", b"two\n"]
    text = io.TextIOWrapper(io.BufferedReader(reader("grüße".encode())))
    assert text.read() == "grüße"


def test_it_is_closed_once_whether_it_was_read_or_not() -> None:
    closed: list[str] = []
    stream = reader(b"tea", closed=closed)
    stream.close()
    stream.close()
    assert closed == ["closed"]
    with pytest.raises(ValueError, match="closed"):
        next(stream)


def test_a_failure_closes_it() -> None:
    def broken() -> Iterator[bytes]:
        yield b"tea"
        raise LookupError

    closed: list[str] = []
    operation = Operation(Flask("shop"), "files", "read_stream", "a")
    stream = Reader(Pieces(broken(), lambda: closed.append("closed")), operation)
    with pytest.raises(LookupError):
        stream.read()
    assert (closed, stream.closed) == (["closed"], True)


def test_one_that_is_dropped_is_closed() -> None:
    closed: list[str] = []
    stream = reader(b"tea", closed=closed)
    del stream
    assert closed == ["closed"]
