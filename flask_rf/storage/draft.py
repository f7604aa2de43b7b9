"""A file being written: under another name, until it is whole and on the disk."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import ExitStack
from contextlib import suppress

from ..errors import AlreadyExists
from ..errors import Conflict
from ..errors import Unsupported
from . import attributes
from . import tree
from .attributes import METADATA
from .attributes import TYPE
from .driver import Terms

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Draft:
    """One new content of a file below ``root``. :meth:`begin` it, and :meth:`discard` it always.

    Every method may block, and is to be called off the event loop.

    :param mode: permissions of the file.
    :param directory_mode: permissions of directories that it needs.
    """

    def __init__(self, root: str, path: str, mode: int, directory_mode: int) -> None:
        self._above, self._name = tree.split(path)
        self._root = root
        self._mode = mode
        self._directory_mode = directory_mode
        self._draft = f"{tree.DRAFT}{secrets.token_hex(8)}"
        self._exists = False
        self._opened = ExitStack()

    def begin(self) -> None:
        """:raises Conflict: its directory was deleted."""
        with _undeleted():
            self._begin()

    def _begin(self) -> None:
        above = tree.directory(self._root, self._above, self._directory_mode)
        self._outer = self._opened.enter_context(above)
        self._file = os.open(self._draft, _CREATE, self._mode, dir_fd=self._outer)
        self._exists = True
        self._opened.callback(os.close, self._file)
        os.fchmod(self._file, self._mode)  # whatever the umask takes away

    def write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            view = view[os.write(self._file, view) :]

    def describe(self, content_type: str, metadata: Mapping[str, str]) -> None:
        """Keep what the content cannot tell.

        :raises Unsupported: there is metadata, and the file system has no place for it.
        """
        try:
            attributes.write(self._file, TYPE, content_type.encode())
            if metadata:
                attributes.write(self._file, METADATA, json.dumps(dict(metadata)).encode())
        except attributes.NoAttributes as error:
            if metadata:
                raise Unsupported("the file system keeps no metadata") from error

    def commit(self, terms: Terms) -> None:
        """Put it in its place, in one step, and on the disk.

        :raises AlreadyExists: it was to be created and is there.
        :raises Conflict: it was to replace another content than is there, or its directory was
            deleted.
        """
        os.fsync(self._file)
        with locked(self._outer), _undeleted():
            if terms.if_match is not None:
                self._require(terms.if_match)
            if terms.if_none_match:
                self._create()
            else:
                self._replace()
        os.fsync(self._outer)

    def discard(self) -> None:
        """Leave nothing behind; after :meth:`commit`, only close what is open."""
        if self._exists:
            with suppress(FileNotFoundError):
                os.unlink(self._draft, dir_fd=self._outer)
        self._opened.close()

    def _replace(self) -> None:
        os.replace(self._draft, self._name, src_dir_fd=self._outer, dst_dir_fd=self._outer)
        self._exists = False

    def _create(self) -> None:
        # Unlike a rename, a link never replaces what another process has put there.
        try:
            os.link(self._draft, self._name, src_dir_fd=self._outer, dst_dir_fd=self._outer)
        except FileExistsError as error:
            raise AlreadyExists("there is a file of this name already") from error

    def _require(self, etag: str) -> None:
        try:
            status = os.stat(self._name, dir_fd=self._outer, follow_symlinks=False)
        except FileNotFoundError:
            raise Conflict("the file was deleted meanwhile") from None
        if etag_of(status) != etag:
            raise Conflict("the file has changed meanwhile")


def etag_of(status: os.stat_result) -> str:
    """A draft has a new inode, so two contents of one name differ even within a clock's tick."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


@contextmanager
def _undeleted() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Conflict("its directory was deleted meanwhile") from error


@contextmanager
def locked(directory: int) -> Iterator[None]:
    """Alone among all that write into this directory by a draft, of any process.

    Without it, one could write between another's look at the ETag and its rename.
    """
    fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(directory, fcntl.LOCK_UN)
