"""A tree of directories of this machine, walked by descriptors so that no symbolic link counts.

Each part of a path is opened relative to the one before, with ``O_NOFOLLOW``: checking a path
first and opening it then would leave time to swap a directory for a link in between.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress

from ..errors import Conflict
from ..errors import Denied
from ..errors import InvalidPath
from ..errors import Linked
from ..errors import NoSpace
from ..errors import NotFound
from ..errors import Obstructed
from ..errors import StorageError
from ..errors import Unavailable

#: Begins the names of files that are still being written; no listing shows them.
DRAFT = ".rf-draft-"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: to open a named pipe would wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_ERRORS: dict[int, tuple[type[StorageError], str]] = {
    errno.ENOENT: (NotFound, "there is no such file"),
    errno.ENOTDIR: (Obstructed, "a part of its path is a file, no directory"),
    errno.EEXIST: (Obstructed, "the disk's root is a file, no directory"),
    errno.EISDIR: (Obstructed, "there is a directory of this name"),
    errno.ENOTEMPTY: (Conflict, "files were written into the directory meanwhile"),
    errno.ELOOP: (Linked, "symbolic links are not followed"),
    errno.EACCES: (Denied, "this process may not do that there"),
    errno.EPERM: (Denied, "this process may not do that there"),
    errno.EROFS: (Denied, "the file system is read-only"),
    errno.ENOSPC: (NoSpace, "no space is left"),
    errno.EDQUOT: (NoSpace, "the quota is used up"),
    errno.EFBIG: (NoSpace, "the file system takes no file of this size"),
    errno.ENAMETOOLONG: (InvalidPath, "the path is too long here"),
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the operating system says as a StorageError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        reason = (error.strerror or str(error)).lower()
        kind, words = _ERRORS.get(error.errno or 0, (Unavailable, reason))
        raise kind(words) from error


@contextmanager
def directory(root: str, path: str, mode: int | None = None) -> Iterator[int]:
    """The descriptor of a directory below ``root``.

    :param path: in its normal form.
    :param mode: permissions of directories that are not there and to be made; None makes none.
    """
    if mode is not None:
        os.makedirs(root, mode, exist_ok=True)
    # The root may be a link: who configures it, means where it leads.
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in filter(None, path.split("/")):
            if mode is not None:
                with suppress(FileExistsError):
                    os.mkdir(part, mode, dir_fd=descriptor)
            outer, descriptor = descriptor, _open_directory(part, descriptor)
            os.close(outer)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_directory(name: str, outer: int) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=outer)
    except NotADirectoryError:
        # What Linux says of links, too.
        if stat.S_ISLNK(os.stat(name, dir_fd=outer, follow_symlinks=False).st_mode):
            raise Linked("symbolic links are not followed") from None
        raise


def split(path: str) -> tuple[str, str]:
    """A path's directory and its name.

    :raises InvalidPath: the name is kept for files that are being written.
    """
    above, _, name = path.rpartition("/")
    if name.startswith(DRAFT):
        raise InvalidPath(f"names that begin with {DRAFT} are not for files of yours")
    return above, name


def open_file(name: str, outer: int) -> int:
    """The descriptor of a regular file, to read; whatever else there is, is not found."""
    descriptor = os.open(name, _FILE, dir_fd=outer)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


@contextmanager
def opened(root: str, path: str) -> Iterator[int]:
    """The descriptor of a file below ``root``, to read."""
    above, name = split(path)
    try:
        with directory(root, above) as outer:
            descriptor = open_file(name, outer)
    except NotADirectoryError:
        raise NotFound("there is no such file") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def walk(root: str, path: str, recursive: bool) -> Iterator[tuple[str, os.stat_result]]:
    """Files and directories below ``path``, by their paths from ``root``. Links are passed over."""
    waiting = [path]
    while waiting:
        here = waiting.pop()
        for name, found in _scan(root, here):
            if stat.S_ISDIR(found.st_mode) and recursive:
                waiting.append(name)
            yield name, found


def _scan(root: str, path: str) -> list[tuple[str, os.stat_result]]:
    found = []
    # What another process deletes meanwhile is not there.
    with suppress(FileNotFoundError, NotADirectoryError), directory(root, path) as descriptor:
        for name in os.listdir(descriptor):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
                    found.append((f"{path}/{name}" if path else name, status))
    return found


def remove_tree(name: str, outer: int) -> None:
    """Remove a directory with all below it, links themselves among it."""
    inner = _open_directory(name, outer)
    try:
        empty(inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=outer)


def empty(descriptor: int) -> None:
    """Remove all that is in a directory."""
    for name in os.listdir(descriptor):
        # What another process removes meanwhile is gone; the others are still to go.
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                remove_tree(name, descriptor)
            else:
                os.unlink(name, dir_fd=descriptor)
