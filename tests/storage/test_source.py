"""What is to be written, and how it is read."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.storage import Incomplete
from flask_rf.storage import TooLarge
from flask_rf.storage.source import PIECE
from flask_rf.storage.source import PieceStream
from flask_rf.storage.source import Source
from flask_rf.storage.spool import spooled


class Stingy(io.RawIOBase):
    """Gives one byte at a time, and cannot tell how many there are."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._content.read(1)


def test_a_read_gives_as_much_as_was_asked_for_until_the_end() -> None:
    source = Source(Stingy(b"abcdefg"))
    assert (source.read(3), source.read(3), source.read(3), source.read(3)) == (
        b"abc",
        b"def",
        b"g",
        b"",
    )


@given(st.binary(max_size=50), st.lists(st.integers(1, 9), min_size=1, max_size=60), st.booleans())
def test_whatever_is_read_is_the_content(content: bytes, sizes: list[int], sniffed: bool) -> None:
    source = Source(content)
    if sniffed:
        source.sniff()
    read = b"".join(source.read(size) for size in sizes)
    assert read == content[: sum(sizes)]
    assert read + source.read_all() == content


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (b"tea", 3),
        ("grüße", 7),
        (bytearray(b"tea"), 3),
        (memoryview(b"tea"), 3),
        (io.BytesIO(b"tea"), 3),
        (Stingy(b"tea"), None),
        (PieceStream([b"t", b"ea"]), None),
    ],
)
def test_the_size_is_known_where_it_can_be(content: Any, size: int | None) -> None:
    assert Source(content).size == size


def test_files_of_every_kind_know_their_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"headbody")
    for buffering in (-1, 0):
        with (tmp_path / "file").open("rb", buffering=buffering) as file:
            file.seek(4)
            assert (Source(file).size, Source(file).read_all()) == (4, b"body")
    with tempfile.SpooledTemporaryFile() as spool:
        spool.write(b"tea")
        spool.seek(0)
        assert Source(spool).read_all() == b"tea"


@pytest.mark.parametrize("content", [7, None, ["tea"], io.StringIO("tea")])
def test_what_is_no_content_is_a_type_error(content: Any) -> None:
    with pytest.raises(TypeError, match="content is"):
        Source(content).read(1)


def test_a_limit_holds_before_and_while_reading() -> None:
    with pytest.raises(TooLarge):
        Source(b"tea", max_bytes=2)
    source = Source(Stingy(b"tea"), max_bytes=2)
    with pytest.raises(TooLarge, match="more than the 2 bytes"):
        source.read_all()
    assert Source(Stingy(b"tea"), max_bytes=3).read_all() == b"tea"


@pytest.mark.parametrize(
    ("size", "words"), [(4, "ended after 3 of 4 bytes"), (2, "more bytes than the 2 announced")]
)
def test_another_end_than_announced_is_incomplete(size: int, words: str) -> None:
    with pytest.raises(Incomplete, match=words):
        Source(Stingy(b"tea"), size=size).read_all()


def test_progress_is_of_what_was_stored() -> None:
    told: list[tuple[int, int | None]] = []
    source = Source(b"tea", progress=lambda done, total: told.append((done, total)))
    source.read_all()
    assert told == []
    source.stored(1)
    source.stored(2)
    assert (told, source.done) == ([(1, 3), (3, 3)], 3)


@pytest.mark.parametrize("size", [0, 3, PIECE + 1, 9_000_000])
def test_spooled_content_can_be_read_twice(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    source = Source(Stingy(content[:size]) if size < 9 else content[:size])
    with spooled(source, 10_000_000) as body:
        assert body.size == size
        for _ in range(2):
            body.seek(0)
            assert body.read() == content[:size]
        assert body.tell() == size
    with pytest.raises(TooLarge):
        with spooled(Source(b"tea"), 2):
            pass
