"""What is to be written: bytes, text or a stream, read once and in pieces."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..errors import Incomplete
from ..errors import TooLarge
from ..eventloop import breathe
from ..eventloop import uninterrupted
from .sniff import HEAD_BYTES
from .sniff import sniff

#: Told of bytes done so far, and of all there are, where that is known.
Progress = Callable[[int, int | None], Any]

#: Bytes of one piece that is read or written without letting other greenlets run.
PIECE = 256 * 1024


class Source:
    """Content on its way to a disk.

    :param content: bytes, text (written as UTF-8), or an object with ``read`` in binary mode,
        such as an open file or werkzeug's FileStorage; it is read from where it stands.
    :param size: bytes a stream has, where it cannot tell itself. Another end is an error.
    :param max_bytes: the most that is accepted.
    :param progress: called as bytes are stored.
    :ivar is_text: whether it came as text, and so is UTF-8.
    :raises TooLarge: the size is known and above ``max_bytes``.
    :raises TypeError: the content is none of these.
    """

    def __init__(
        self,
        content: Any,
        *,
        size: int | None = None,
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.is_text = isinstance(content, str)
        self._stream = _stream_of(content)
        self._on_disk = _is_on_disk(self._stream)
        self._announced = size
        self.size = size if size is not None else _size_of(self._stream)
        self._max_bytes = max_bytes
        self._progress = progress
        self._head = b""
        self._read = 0
        self._stored = 0
        if self.size is not None:
            self._check_size(self.size)

    def sniff(self) -> str:
        """The MIME type by the first bytes, which stay to be read."""
        if not self._head and not self._read:
            self._head = self._take(HEAD_BYTES)
        return sniff(self._head)

    def read(self, size: int) -> bytes:
        """``size`` bytes; fewer at the end only.

        :raises TooLarge: there are more than are accepted.
        :raises Incomplete: the end has come before the announced size, or not by then.
        """
        head, self._head = self._head[:size], self._head[size:]
        if len(head) == size:
            return head
        pieces = [head] if head else []
        missing = size - len(head)
        while missing:
            piece = self._take(min(missing, PIECE))
            pieces.append(piece)
            missing -= len(piece)
            if not piece:
                self._check_end()
                break
            breathe()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_all(self) -> bytes:
        """All that is left, in memory."""
        return b"".join(iter(lambda: self.read(PIECE), b""))

    def stored(self, count: int) -> None:
        """Tell that ``count`` more bytes have reached the disk."""
        self._stored += count
        if self._progress is not None:
            self._progress(self._stored, self.size)

    @property
    def done(self) -> int:
        """Bytes stored so far."""
        return self._stored

    def _take(self, size: int) -> bytes:
        """Up to ``size`` bytes of the stream; none at its end."""
        read = self._stream.read
        piece = uninterrupted(read, size) if self._on_disk else read(size)
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise TypeError("content is read in binary mode: open(…, 'rb')")
        self._read += len(piece)
        self._check_size(self._read)
        return bytes(piece)

    def _check_size(self, size: int) -> None:
        if self._max_bytes is not None and size > self._max_bytes:
            raise TooLarge(f"more than the {self._max_bytes} bytes that are allowed")
        if self._announced is not None and size > self._announced:
            raise Incomplete(f"more bytes than the {self._announced} announced")

    def _check_end(self) -> None:
        if self._announced is not None and self._read < self._announced:
            raise Incomplete(f"ended after {self._read} of {self._announced} bytes")


class PieceStream:
    """Pieces as a stream to read from, one after the other."""

    def __init__(self, *contents: Iterable[bytes]) -> None:
        self._pieces = (piece for content in contents for piece in content)
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        rest = self._rest or memoryview(next(self._pieces, b""))
        self._rest = rest[size:]
        return bytes(rest[:size])


def _stream_of(content: Any) -> Any:
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return io.BytesIO(content)
    if callable(getattr(content, "read", None)):
        return content
    raise TypeError(f"content is bytes, text or a binary stream, not {type(content).__name__}")


def _size_of(stream: Any) -> int | None:
    """Bytes from where the stream stands to its end; None if it cannot tell."""
    with suppress(AttributeError, OSError, ValueError):
        here = stream.tell()
        end = stream.seek(0, os.SEEK_END)
        stream.seek(here)
        # Not all return where they are: Python 3.10's SpooledTemporaryFile does not.
        return end - here if isinstance(end, int) else None
    return None


def _is_on_disk(stream: Any) -> bool:
    """Whether reading it would block the event loop."""
    if not isinstance(stream, (io.FileIO, io.BufferedReader, io.BufferedRandom)):
        return False
    with suppress(OSError, ValueError):
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    return False
