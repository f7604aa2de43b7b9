"""Files on a disk of this machine, or one that is mounted like it.

Whatever blocks runs in the hub's thread pool under gevent, in pieces where it could be long.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import suppress
from datetime import datetime
from datetime import timezone
from urllib.parse import quote

from ..errors import Obstructed
from ..eventloop import uninterrupted
from . import attributes
from . import tree
from .attributes import METADATA
from .attributes import NoAttributes
from .attributes import TYPE
from .draft import Draft
from .draft import etag_of
from .draft import locked
from .driver import Driver
from .driver import Entry
from .driver import FileInfo
from .driver import Pieces
from .driver import Terms
from .driver import Visibility
from .sniff import HEAD_BYTES
from .sniff import sniff
from .sniff import type_of_name
from .source import Source
from .tree import translated

#: Bytes that are read or written by one hop to the thread pool.
PIECE = 1024 * 1024

_FILE_MODES: dict[Visibility, int] = {"public": 0o644, "private": 0o600}
_DIRECTORY_MODES: dict[Visibility, int] = {"public": 0o755, "private": 0o700}


class LocalDriver(Driver):
    """A directory and what is below it.

    :param root: made when the first file is written.
    :param visibility: of files that are written without a word about it.
    :param public_url: where a web server serves the root, if one does.
    """

    def __init__(
        self, root: str, visibility: Visibility = "private", public_url: str | None = None
    ) -> None:
        self._root = os.path.abspath(root)
        self._visibility = visibility
        self._public_url = public_url
        self._directory_mode = _DIRECTORY_MODES[visibility]

    def describe(self) -> str:
        return self._root

    def info(self, path: str) -> FileInfo:
        with translated():
            return uninterrupted(self._info, path)

    def open(self, path: str, start: int = 0, length: int | None = None) -> Pieces:
        opened = ExitStack()
        with translated():
            descriptor = uninterrupted(opened.enter_context, tree.opened(self._root, path))
        etag = etag_of(os.fstat(descriptor))
        return Pieces(_pieces(descriptor, start, length), opened.close, etag)

    def write(self, path: str, source: Source, terms: Terms) -> None:
        mode = _FILE_MODES[terms.visibility or self._visibility]
        draft = Draft(self._root, path, mode, self._directory_mode)
        try:
            with translated():
                uninterrupted(draft.begin)
            while piece := source.read(PIECE):
                with translated():
                    uninterrupted(draft.write, piece)
                source.stored(len(piece))
            with translated():
                uninterrupted(draft.describe, terms.content_type, terms.metadata)
                uninterrupted(draft.commit, terms)
        finally:
            draft.discard()

    def delete(self, paths: Sequence[str]) -> None:
        with translated():
            for path in paths:
                uninterrupted(self._delete, path)

    def copy(self, source: str, target: str) -> None:
        with translated():
            uninterrupted(self._copy, source, target)

    def move(self, source: str, target: str) -> None:
        with translated():
            uninterrupted(self._move, source, target)

    def visibility(self, path: str) -> Visibility:
        with translated():
            status = uninterrupted(self._status, path)
        return "public" if status.st_mode & stat.S_IROTH else "private"

    def set_visibility(self, path: str, visibility: Visibility) -> None:
        with translated():
            uninterrupted(self._set_mode, path, _FILE_MODES[visibility])

    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        with translated():
            found = uninterrupted(lambda: [*tree.walk(self._root, directory, recursive)])
        for path, status in found:
            if not _is_draft(path, status):
                yield Entry(path, stat.S_ISDIR(status.st_mode))

    def make_directory(self, directory: str) -> None:
        with translated():
            uninterrupted(self._make_directory, directory)

    def delete_directory(self, directory: str) -> None:
        with translated():
            uninterrupted(self._delete_directory, directory)

    def url(self, path: str) -> str | None:
        return None if self._public_url is None else f"{self._public_url}/{quote(path)}"

    def path(self, path: str) -> str:
        return os.path.join(self._root, path) if path else self._root

    def tidy(self, seconds: float) -> int:
        with translated():
            return uninterrupted(self._tidy, time.time() - seconds)

    def check(self) -> None:
        with translated():
            uninterrupted(self._check)

    # --- What blocks ---

    def _status(self, path: str) -> os.stat_result:
        with tree.opened(self._root, path) as file:
            return os.fstat(file)

    def _info(self, path: str) -> FileInfo:
        with tree.opened(self._root, path) as file:
            status = os.fstat(file)
            written = datetime.fromtimestamp(status.st_mtime, timezone.utc)
            kind, metadata = _type_of(file, path), _metadata_of(file)
            return FileInfo(status.st_size, etag_of(status), written, kind, metadata)

    def _delete(self, path: str) -> None:
        above, name = tree.split(path)
        # What is no file is not there, as far as files go.
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            with tree.directory(self._root, above) as outer:
                os.unlink(name, dir_fd=outer)

    def _copy(self, source: str, target: str) -> None:
        with tree.opened(self._root, source) as file:
            mode = stat.S_IMODE(os.fstat(file).st_mode)
            draft = Draft(self._root, target, mode, self._directory_mode)
            try:
                draft.begin()
                while piece := os.read(file, PIECE):
                    draft.write(piece)
                draft.describe(_type_of(file, source), _metadata_of(file))
                draft.commit(Terms(""))
            finally:
                draft.discard()

    def _move(self, source: str, target: str) -> None:
        self._status(source)
        (above, old), (below, new) = tree.split(source), tree.split(target)
        with tree.directory(self._root, above) as outer:
            with tree.directory(self._root, below, self._directory_mode) as inner:
                with locked(inner):
                    os.replace(old, new, src_dir_fd=outer, dst_dir_fd=inner)
                os.fsync(inner)
            os.fsync(outer)

    def _set_mode(self, path: str, mode: int) -> None:
        with tree.opened(self._root, path) as file:
            os.fchmod(file, mode)

    def _make_directory(self, directory: str) -> None:
        with tree.directory(self._root, directory, self._directory_mode):
            pass

    def _delete_directory(self, directory: str) -> None:
        above, _, name = directory.rpartition("/")
        with suppress(FileNotFoundError), tree.directory(self._root, above) as outer:
            if name:
                tree.remove_tree(name, outer)
            else:
                tree.empty(outer)

    def _tidy(self, before: float) -> int:
        removed = 0
        for path, status in tree.walk(self._root, "", recursive=True):
            above, _, name = path.rpartition("/")
            if _is_draft(path, status) and status.st_mtime < before:
                with suppress(FileNotFoundError), tree.directory(self._root, above) as outer:
                    os.unlink(name, dir_fd=outer)
                    removed += 1
        return removed

    def _check(self) -> None:
        """Whether files can be written, or could be once the directory is made."""
        there = self._root
        while not os.path.exists(there):
            there = os.path.dirname(there)
        if not os.path.isdir(there):
            raise Obstructed(f"{there!r} is a file, no directory")
        if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _is_draft(path: str, status: os.stat_result) -> bool:
    named = path.rpartition("/")[2].startswith(tree.DRAFT)
    return named and stat.S_ISREG(status.st_mode)


def _pieces(descriptor: int, start: int, length: int | None) -> Iterator[bytes]:
    end = float("inf") if length is None else start + length
    while start < end:
        with translated():
            piece = uninterrupted(os.pread, descriptor, int(min(PIECE, end - start)), start)
        if not piece:
            return
        start += len(piece)
        yield piece


def _type_of(file: int, path: str) -> str:
    with suppress(NoAttributes, ValueError):
        return attributes.read(file, TYPE).decode("ascii")
    return type_of_name(path) or sniff(os.pread(file, HEAD_BYTES, 0))


def _metadata_of(file: int) -> Mapping[str, str]:
    with suppress(NoAttributes, ValueError):
        return dict(json.loads(attributes.read(file, METADATA)))
    return {}
