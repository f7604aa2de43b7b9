"""Pauses of threads that last as long as a test has it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pauses(threading.Event):
    """In place of an event that a thread waits for in vain, to pause.

    :param last: takes the place of the waiting.
    :ivar seconds: how long the pauses would have lasted.
    """

    def __init__(self, last: Callable[[], object]) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._last = last

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        self._last()
        return self.is_set()
