"""Files in this process's memory: for tests, and for what may be lost."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timezone

from ..errors import AlreadyExists
from ..errors import Conflict
from ..errors import NotFound
from ..errors import Obstructed
from .driver import Driver
from .driver import Entry
from .driver import FileInfo
from .driver import Pieces
from .driver import Terms
from .driver import Visibility
from .source import PIECE
from .source import Source


@dataclass(frozen=True)
class _File:
    content: bytes
    info: FileInfo
    visibility: Visibility


class MemoryDriver(Driver):
    """A disk of dictionaries. It is as strict as a local one, so that tests with it are.

    :param visibility: of files that are written without a word about it.
    """

    def __init__(self, visibility: Visibility = "private") -> None:
        self._visibility = visibility
        self._lock = threading.Lock()
        self._files: dict[str, _File] = {}
        self._directories: set[str] = set()

    def describe(self) -> str:
        return "this process's memory"

    def info(self, path: str) -> FileInfo:
        return self._file(path).info

    def open(self, path: str, start: int = 0, length: int | None = None) -> Pieces:
        file = self._file(path)
        content = memoryview(file.content)[start:]
        wanted = content if length is None else content[:length]
        return Pieces(_pieces(wanted), etag=file.info.etag)

    def write(self, path: str, source: Source, terms: Terms) -> None:
        content = source.read_all()
        now = datetime.now(timezone.utc)
        etag = hashlib.sha256(content).hexdigest()
        info = FileInfo(len(content), etag, now, terms.content_type, dict(terms.metadata))
        with self._lock:
            self._require(path, terms)
            self._set(path, _File(content, info, terms.visibility or self._visibility))
        source.stored(len(content))

    def delete(self, paths: Sequence[str]) -> None:
        with self._lock:
            for path in paths:
                self._files.pop(path, None)

    def copy(self, source: str, target: str) -> None:
        now = datetime.now(timezone.utc)
        with self._lock:
            file = self._file(source)
            self._set(target, replace(file, info=replace(file.info, last_modified=now)))

    def visibility(self, path: str) -> Visibility:
        return self._file(path).visibility

    def set_visibility(self, path: str, visibility: Visibility) -> None:
        with self._lock:
            self._files[path] = replace(self._file(path), visibility=visibility)

    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        with self._lock:
            directories = {above for path in self._files for above in _directories_above(path)}
            entries = [Entry(path) for path in self._files]
            entries += [Entry(path, True) for path in directories | self._directories]
        prefix = f"{directory}/" if directory else ""
        for entry in entries:
            rest = entry.path[len(prefix) :] if entry.path.startswith(prefix) else ""
            if rest and (recursive or "/" not in rest):
                yield entry

    def make_directory(self, directory: str) -> None:
        with self._lock:
            self._require_no_file_above(f"{directory}/.")
            self._directories |= {directory, *_directories_above(directory)} - {""}

    def delete_directory(self, directory: str) -> None:
        prefix = f"{directory}/" if directory else ""
        with self._lock:
            self._files = {p: f for p, f in self._files.items() if not p.startswith(prefix)}
            kept = {p for p in self._directories if not p.startswith(prefix)}
            self._directories = kept - {directory}

    def check(self) -> None:
        """There is always memory."""

    def _file(self, path: str) -> _File:
        file = self._files.get(path)
        if file is None:
            raise NotFound("there is no such file")
        return file

    def _set(self, path: str, file: _File) -> None:
        self._require_no_file_above(path)
        below = f"{path}/"
        if path in self._directories or any(other.startswith(below) for other in self._files):
            raise Obstructed("there is a directory of this name")
        self._files[path] = file

    def _require(self, path: str, terms: Terms) -> None:
        file = self._files.get(path)
        if terms.if_none_match and file is not None:
            raise AlreadyExists("there is a file of this name already")
        if terms.if_match is not None and (file is None or file.info.etag != terms.if_match):
            raise Conflict("the file has changed meanwhile")

    def _require_no_file_above(self, path: str) -> None:
        for above in _directories_above(path):
            if above in self._files:
                raise Obstructed(f"{above!r} is a file, no directory")


def _directories_above(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _pieces(content: memoryview) -> Iterator[bytes]:
    for at in range(0, len(content), PIECE):
        yield bytes(content[at : at + PIECE])
