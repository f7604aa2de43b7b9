"""One use of a disk: its errors name disk and path, and whoever listens hears of it."""

from __future__ import annotations

import time
from types import TracebackType

from flask import Flask

from ..errors import StorageError
from ..signals import storage_operation
from ..signals import tell


class Operation:
    """The ``with`` block of one use.

    :param name: the method's name.
    :param path: what it was asked for, in whatever form.
    :ivar bytes: of content read or written, so far.
    """

    __slots__ = ("_app", "_disk", "_name", "_path", "_started", "bytes")

    def __init__(self, app: Flask, disk: str, name: str, path: str) -> None:
        self._app = app
        self._disk = disk
        self._name = name
        self._path = path
        self.bytes = 0
        self._started = time.perf_counter()

    def __enter__(self) -> Operation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(error)

    def end(self, error: BaseException | None = None) -> None:
        """Name disk and path in ``error``, and tell how the operation came out."""
        if isinstance(error, StorageError):
            error.disk = error.disk or self._disk
            error.path = error.path or self._path
        if storage_operation.receivers:
            tell(
                storage_operation,
                self._app,
                disk=self._disk,
                operation=self._name,
                outcome=_outcome(error),
                seconds=time.perf_counter() - self._started,
                bytes=self.bytes,
            )


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return error.outcome if isinstance(error, StorageError) else "error"
