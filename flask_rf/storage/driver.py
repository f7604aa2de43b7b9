"""What a disk's driver does. A later driver is a class of these methods.

Paths come checked and in their normal form; a directory's may be ``""``. Failures are raised
as :class:`~flask_rf.errors.StorageError`; the disk adds its name and the path.
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any
from typing import Literal

from ..errors import Unsupported
from .source import Source

Visibility = Literal["public", "private"]


@dataclass(frozen=True)
class FileInfo:
    """What is known of a file without reading it.

    :param size: bytes.
    :param etag: changes with the content; without quotes.
    :param last_modified: UTC.
    :param content_type: its MIME type, with the charset of what was written as text.
    :param metadata: what was given to ``put``; names in lower case.
    """

    size: int
    etag: str
    last_modified: datetime
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def mime_type(self) -> str:
        """The type without its parameters."""
        return self.content_type.partition(";")[0].rstrip()


@dataclass(frozen=True)
class Terms:
    """How a file is to be written.

    :param content_type: its MIME type.
    :param visibility: the disk's own by default.
    :param if_none_match: create it, or raise AlreadyExists.
    :param if_match: replace the file of this ETag, or raise Conflict.
    """

    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    visibility: Visibility | None = None
    if_none_match: bool = False
    if_match: str | None = None


@dataclass(frozen=True)
class Entry:
    """A file or a directory in a listing, by its path from the disk's root."""

    path: str
    is_directory: bool = False


@dataclass(frozen=True)
class UploadTerms:
    """What a temporary upload URL allows.

    :param seconds: how long.
    :param size: exact bytes, where known.
    :param max_bytes: the most bytes, where the size is not known.
    """

    seconds: int
    content_type: str
    size: int | None = None
    max_bytes: int | None = None


def _nothing() -> None:
    pass


class Pieces:
    """The content of an open file, in pieces of a size that suits the driver.

    :param close: called once, also if no piece was ever taken.
    :param etag: of the content that was opened, where the driver can tell without asking again.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        close: Callable[[], object] = _nothing,
        etag: str | None = None,
    ) -> None:
        self.etag = etag
        self._pieces = pieces
        self._close: Callable[[], object] = close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        close, self._close = self._close, _nothing
        close()


class Driver(ABC):
    """Base of the drivers."""

    @abstractmethod
    def describe(self) -> str:
        """Where the files are, for people."""

    @abstractmethod
    def info(self, path: str) -> FileInfo:
        """:raises NotFound: there is no such file."""

    @abstractmethod
    def open(self, path: str, start: int = 0, length: int | None = None) -> Pieces:
        """The content in pieces; the file is open when this returns.

        :param start: the first byte.
        :param length: bytes; to the end if None.
        :raises NotFound: there is no such file.
        """

    @abstractmethod
    def write(self, path: str, source: Source, terms: Terms) -> None:
        """Write a whole file, or leave everything as it was. Directories come by themselves."""

    @abstractmethod
    def delete(self, paths: Sequence[str]) -> None:
        """Delete files; those that are not there are deleted already."""

    @abstractmethod
    def copy(self, source: str, target: str) -> None:
        """Copy a file with all that belongs to it, over ``target`` if that is there.

        :raises NotFound: there is no such file.
        """

    def move(self, source: str, target: str) -> None:
        """As :meth:`copy`; the source is gone then."""
        self.copy(source, target)
        if source != target:
            self.delete([source])

    @abstractmethod
    def visibility(self, path: str) -> Visibility:
        """:raises NotFound: there is no such file."""

    def visibility_to_keep(self, path: str) -> Visibility | None:
        """What :class:`Terms` need to say, for a new content to be as visible as the old."""
        return self.visibility(path)

    @abstractmethod
    def set_visibility(self, path: str, visibility: Visibility) -> None:
        """:raises NotFound: there is no such file."""

    @abstractmethod
    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        """What is in a directory, or below it, in any order; nothing if it is not there."""

    @abstractmethod
    def make_directory(self, directory: str) -> None:
        """Make a directory and those above it, unless they are there."""

    @abstractmethod
    def delete_directory(self, directory: str) -> None:
        """Delete a directory with all below it; ``""`` empties the disk."""

    def checksum(self, path: str, algorithm: str) -> str | None:
        """The checksum in hexadecimal if the store keeps it; None if the content must be read."""
        return None

    def url(self, path: str) -> str | None:
        """Where everybody can read a public file; None if the app itself must serve it."""
        return None

    def path(self, path: str) -> str:
        """Where a file or a directory is for other programs of this machine.

        :raises Unsupported: this disk is none of this machine's.
        """
        raise Unsupported("its files have no paths on this machine: read_stream() carries them")

    def temporary_url(self, path: str, seconds: int, name: str | None) -> str | None:
        """Where a file can be read for a while; None if the app itself must serve it.

        :param name: what a browser saves it as, instead of showing it.
        """
        return None

    def temporary_upload(self, path: str, terms: UploadTerms) -> dict[str, Any] | None:
        """How a file can be uploaded for a while; None if the app itself must take it."""
        return None

    def complete_upload(self, path: str, upload_id: str, size: int) -> None:
        """Put the parts of an upload together.

        :raises Unsupported: this disk's uploads have no parts.
        """
        raise Unsupported("its uploads have no parts that could be completed")

    def abort_upload(self, path: str, upload_id: str) -> None:
        """Throw the parts of an upload away."""
        raise Unsupported("its uploads have no parts that could be thrown away")

    def tidy(self, seconds: float) -> int:
        """Remove what killed processes left of writes begun ``seconds`` ago or earlier.

        :returns: how many remains there were.
        """
        return 0

    def start(self) -> None:  # noqa: B027 - most have nothing to get ready
        """Get ready before the first request."""

    @abstractmethod
    def check(self) -> None:
        """:raises StorageError: the disk cannot be used."""
