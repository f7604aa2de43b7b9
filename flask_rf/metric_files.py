"""The files by which several workers' metrics are read as one, and what becomes of a dead one's.

prometheus-client keeps the values of a process in files named after its id. Those of a dead
worker must count on, or counters would go backwards, and must not pile up: gunicorn's master
marks them dead, and whoever reads next merges them into one archive of each kind. A lock keeps
readers from seeing a value twice or not at all.

Imports neither Flask nor prometheus-client: gunicorn's master reads it before gevent patches.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

#: prometheus-client's own variable.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

_PREFIX = "flask-rf-metrics-"
_MEMORY = Path("/dev/shm")
_ROOM = 32 * 1024 * 1024  # bytes free in memory, or a write to a full one ends the worker
_LOCK = ".lock"
_OWNER = ".owner"
_PATIENCE = 5.0  # seconds to wait for whoever reads

#: In the name of a dead process's file.
DEAD = "-dead-"
ARCHIVE = "archive"


class Busy(Exception):
    """Somebody has held the lock for too long."""


@contextmanager
def locked(folder: Path, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold the directory's lock, to read all of it or to change its files.

    :raises Busy: others held it for ``patience`` seconds.
    """
    handle = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _acquire(handle, patience)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy(f"the metrics' lock was not free for {patience:g} s") from None
            time.sleep(0.01)


def make_directory() -> Path:
    """A new directory of this process and those it forks, in memory where there is room.

    It lasts as long as they do: the next one removes what killed ones have left behind.
    """
    parent = _MEMORY if _has_room(_MEMORY) else Path(tempfile.gettempdir())
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
    _own(folder)
    # Under this name others take it for left behind, unless it is owned.
    return folder.rename(parent / folder.name.removeprefix("."))


def wipe(folder: Path) -> None:
    """Make a directory of the user's own ready: there, and without what an earlier run left."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def mark_dead(folder: Path, pid: int) -> None:
    """Say that a process has ended: its gauges of the living go, the rest waits to be merged.

    :raises Busy: somebody reads for too long.
    """
    with locked(folder):
        for file in folder.glob(f"*_{pid}.db"):
            if file.name.startswith("gauge_live"):
                file.unlink(missing_ok=True)
            else:
                kind = file.name.removesuffix(f"_{pid}.db")
                # Ids come again: a later process of this one may be dead as well.
                file.rename(folder / f"{kind}_{pid}{DEAD}{time.time_ns()}.db")


def _has_room(folder: Path) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize >= _ROOM


def _own(folder: Path) -> None:
    """Hold a lock for as long as this process, or any that it forks, lives."""
    handle = os.open(folder / _OWNER, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, or gone already
            handle = os.open(folder / _OWNER, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)
            finally:
                os.close(handle)
