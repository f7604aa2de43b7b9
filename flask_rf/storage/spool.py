"""Content that must be read twice, kept in memory while it is small and on disk then."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from typing import IO

from ..errors import TooLarge
from ..eventloop import breathe
from ..eventloop import uninterrupted
from .parts import MIB
from .parts import PART
from .source import PIECE
from .source import Source
from .tree import translated


class Spooled(io.RawIOBase):
    """A file of known size that lets other greenlets run while it is read.

    :ivar size: bytes.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        if self.tell() % PIECE < len(buffer):
            breathe()
        piece = self._file.read(min(len(buffer), PIECE))
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def spooled(source: Source, max_bytes: int) -> Iterator[Spooled]:
    """All of ``source``, to be read as often as need be.

    :raises TooLarge: it has more than ``max_bytes``.
    :raises NoSpace: the disk of temporary files is full.
    """
    with tempfile.SpooledTemporaryFile(PART) as file:
        size = 0
        while piece := source.read(MIB):
            size += len(piece)
            if size > max_bytes:
                raise TooLarge(f"at most {max_bytes} bytes can be written in one request")
            with translated():
                uninterrupted(file.write, piece)
        file.seek(0)
        yield Spooled(file, size)
