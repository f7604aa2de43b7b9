"""A file being read, as Python's own open files are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from .driver import Pieces
from .operation import Operation


class Reader(io.RawIOBase):
    """A readable stream of bytes; use it in a ``with`` block, or close it.

    To iterate over it gives pieces, not lines, in the sizes they come in.

    :ivar etag: of the content; None if the driver did not tell.
    """

    def __init__(self, pieces: Pieces, operation: Operation) -> None:
        self.etag = pieces.etag
        self._source = pieces
        self._pieces = iter(pieces)
        self._operation = operation
        self._rest = b""
        self._error: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._rest or self._next()
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        self._rest = piece[count:]
        return count

    def readall(self) -> bytes:
        return b"".join(self)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._rest or self._next():
            self._rest = b""
            yield piece

    def __next__(self) -> bytes:
        piece, self._rest = self._rest or self._next(), b""
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        self._source.close()
        error, self._error = self._error, None
        self._operation.end(error)

    def __del__(self) -> None:
        # Left to the garbage collector, when there may be no app any more to tell.
        with suppress(Exception):
            self._source.close()

    def _next(self) -> bytes:
        """The next piece; none at the end."""
        if self.closed:
            raise ValueError("the stream is closed")
        try:
            piece = next(self._pieces, b"")
        except BaseException as error:
            self._error = error
            self.close()
            raise
        self._operation.bytes += len(piece)
        return piece
