"""Drivers around other disks: a part of one, one that cannot be changed, two as one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from typing import Any
from typing import NoReturn

from ..errors import AlreadyExists
from ..errors import Conflict
from ..errors import Denied
from ..errors import NotFound
from ..errors import StorageError
from .driver import Driver
from .driver import Entry
from .driver import FileInfo
from .driver import Pieces
from .driver import Terms
from .driver import UploadTerms
from .driver import Visibility
from .path import join
from .source import PieceStream
from .source import Source

logger = logging.getLogger("flask_rf")


class Mount:
    """Where a driver is found; for a while another one can stand in its place."""

    def __init__(self, driver: Driver) -> None:
        self._drivers: tuple[Driver, ...] = (driver,)
        self._changing = threading.Lock()

    @property
    def driver(self) -> Driver:
        return self._drivers[-1]

    @contextmanager
    def replaced(self, driver: Driver) -> Iterator[None]:
        with self._changing:
            self._drivers = (*self._drivers, driver)
        try:
            yield
        finally:
            with self._changing:
                self._drivers = tuple(each for each in self._drivers if each is not driver)


class Forwarding(Driver):
    """Passes everything on."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount

    @property
    def _inner(self) -> Driver:
        return self._mount.driver

    def describe(self) -> str:
        return self._inner.describe()

    def _at(self, path: str) -> str:
        """The path there."""
        return path

    def info(self, path: str) -> FileInfo:
        return self._inner.info(self._at(path))

    def open(self, path: str, start: int = 0, length: int | None = None) -> Pieces:
        return self._inner.open(self._at(path), start, length)

    def write(self, path: str, source: Source, terms: Terms) -> None:
        self._inner.write(self._at(path), source, terms)

    def delete(self, paths: Sequence[str]) -> None:
        self._inner.delete([self._at(path) for path in paths])

    def copy(self, source: str, target: str) -> None:
        self._inner.copy(self._at(source), self._at(target))

    def move(self, source: str, target: str) -> None:
        self._inner.move(self._at(source), self._at(target))

    def visibility(self, path: str) -> Visibility:
        return self._inner.visibility(self._at(path))

    def visibility_to_keep(self, path: str) -> Visibility | None:
        return self._inner.visibility_to_keep(self._at(path))

    def set_visibility(self, path: str, visibility: Visibility) -> None:
        self._inner.set_visibility(self._at(path), visibility)

    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        return self._inner.entries(self._at(directory), recursive)

    def make_directory(self, directory: str) -> None:
        self._inner.make_directory(self._at(directory))

    def delete_directory(self, directory: str) -> None:
        self._inner.delete_directory(self._at(directory))

    def checksum(self, path: str, algorithm: str) -> str | None:
        return self._inner.checksum(self._at(path), algorithm)

    def url(self, path: str) -> str | None:
        return self._inner.url(self._at(path))

    def path(self, path: str) -> str:
        return self._inner.path(self._at(path))

    def temporary_url(self, path: str, seconds: int, name: str | None) -> str | None:
        return self._inner.temporary_url(self._at(path), seconds, name)

    def temporary_upload(self, path: str, terms: UploadTerms) -> dict[str, Any] | None:
        return self._inner.temporary_upload(self._at(path), terms)

    def complete_upload(self, path: str, upload_id: str, size: int) -> None:
        self._inner.complete_upload(self._at(path), upload_id, size)

    def abort_upload(self, path: str, upload_id: str) -> None:
        self._inner.abort_upload(self._at(path), upload_id)

    def tidy(self, seconds: float) -> int:
        return self._inner.tidy(seconds)

    def check(self) -> None:
        self._inner.check()


class Scoped(Forwarding):
    """A directory of another disk as a disk of its own, out of which no path leads.

    :param prefix: the directory, in its normal form.
    """

    def __init__(self, mount: Mount, prefix: str) -> None:
        super().__init__(mount)
        self._prefix = prefix

    def describe(self) -> str:
        return f"{self._prefix!r} in {self._inner.describe()}"

    def _at(self, path: str) -> str:
        return join(self._prefix, path) if path else self._prefix

    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        for entry in super().entries(directory, recursive):
            yield Entry(entry.path[len(self._prefix) + 1 :], entry.is_directory)


def _refused(driver: Driver, *_: Any) -> NoReturn:
    raise Denied("the disk is read-only")


_refuse: Any = _refused


class ReadOnly(Forwarding):
    """Another disk that nothing can be changed on."""

    def describe(self) -> str:
        return f"{self._inner.describe()}, read-only"

    write = delete = copy = move = set_visibility = make_directory = delete_directory = _refuse
    temporary_upload = complete_upload = abort_upload = _refuse

    def tidy(self, seconds: float) -> int:
        return 0


class ReadThrough(Forwarding):
    """A disk, and another for what is not on it yet: what is read there is copied here.

    Writes go to the first. Deleting deletes on both, or the file would come back.
    """

    def __init__(self, mount: Mount, fallback: Mount) -> None:
        super().__init__(mount)
        self._fallback_mount = fallback

    @property
    def _fallback(self) -> Driver:
        return self._fallback_mount.driver

    def describe(self) -> str:
        return f"{self._inner.describe()}, or else {self._fallback.describe()}"

    def _holder(self, path: str) -> Driver:
        """The disk that has the file: the first, if neither."""
        try:
            self._inner.info(path)
        except NotFound:
            with suppress(NotFound):
                self._fallback.info(path)
                return self._fallback
        return self._inner

    def info(self, path: str) -> FileInfo:
        return self._holder(path).info(path)

    def open(self, path: str, start: int = 0, length: int | None = None) -> Pieces:
        return self._promoted(path).open(path, start, length)

    def _promoted(self, path: str) -> Driver:
        """The disk to read from: the first, once the file is there."""
        if self._holder(path) is self._inner:
            return self._inner
        try:
            self._promote(path)
        except AlreadyExists:  # another request was quicker
            return self._inner
        except StorageError as error:
            reason = error.reason
            logger.warning("%r stays on %s: %s", path, self._fallback.describe(), reason)
            return self._fallback
        return self._inner

    def _promote(self, path: str) -> None:
        info = self._fallback.info(path)
        visibility = self._fallback.visibility_to_keep(path)
        terms = Terms(info.content_type, info.metadata, visibility, if_none_match=True)
        pieces = self._fallback.open(path)
        try:
            self._inner.write(path, Source(PieceStream(pieces), size=info.size), terms)
        finally:
            pieces.close()

    def write(self, path: str, source: Source, terms: Terms) -> None:
        conditional = terms.if_none_match or terms.if_match is not None
        if conditional and self._holder(path) is self._fallback:
            if terms.if_match != self._fallback.info(path).etag:
                kind = AlreadyExists if terms.if_none_match else Conflict
                raise kind("there is another file of this name")
            terms = replace(terms, if_match=None, if_none_match=True)
        self._inner.write(path, source, terms)

    def delete(self, paths: Sequence[str]) -> None:
        self._fallback.delete(paths)
        self._inner.delete(paths)

    def copy(self, source: str, target: str) -> None:
        self._promoted(source)
        self._inner.copy(source, target)

    def move(self, source: str, target: str) -> None:
        self.copy(source, target)
        if source != target:
            self.delete([source])

    def visibility(self, path: str) -> Visibility:
        return self._holder(path).visibility(path)

    def visibility_to_keep(self, path: str) -> Visibility | None:
        return self._holder(path).visibility_to_keep(path)

    def set_visibility(self, path: str, visibility: Visibility) -> None:
        self._promoted(path)
        self._inner.set_visibility(path, visibility)

    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        ours = set(self._inner.entries(directory, recursive))
        yield from ours.union(self._fallback.entries(directory, recursive))

    def delete_directory(self, directory: str) -> None:
        self._fallback.delete_directory(directory)
        self._inner.delete_directory(directory)

    def checksum(self, path: str, algorithm: str) -> str | None:
        return self._holder(path).checksum(path, algorithm)

    def url(self, path: str) -> str | None:
        return self._promoted(path).url(path)

    def path(self, path: str) -> str:
        return self._promoted(path).path(path)

    def temporary_url(self, path: str, seconds: int, name: str | None) -> str | None:
        return self._promoted(path).temporary_url(path, seconds, name)

    def check(self) -> None:
        self._inner.check()
        self._fallback.check()
