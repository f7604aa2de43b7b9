"""gevent's loop, where one runs: blocking calls made by a greenlet stop every other."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from typing import cast
from typing import TypeVar
from weakref import WeakMethod

T = TypeVar("T")

logger = logging.getLogger("flask_rf")

_INTERVAL = 0.1  # seconds between two beats


def runs_greenlets() -> bool:
    """Whether threads are greenlets in this process, so that a sleep waits for the loop."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def in_greenlet() -> bool:
    """Whether the caller shares its thread with other greenlets. Never imports gevent."""
    if "gevent" not in sys.modules:
        return False
    from gevent import getcurrent
    from gevent.hub import Hub

    return isinstance(getcurrent().parent, Hub)


def off_the_loop(function: Callable[..., T], *arguments: Any) -> T:
    """``function(*arguments)``, in the hub's thread pool when a greenlet asks.

    For work that blocks or computes without yielding, and releases the GIL meanwhile.
    """
    if not in_greenlet():
        return function(*arguments)
    from gevent import get_hub

    return get_hub().threadpool.apply(function, arguments)


def uninterrupted(function: Callable[..., T], *arguments: Any) -> T:
    """:func:`off_the_loop` for what uses file descriptors, which the caller may close next.

    Told to stop (a gevent.Timeout), the caller still waits until the thread is done: the
    number of a descriptor closed under it may be another file's by then.
    """
    if not in_greenlet():
        return function(*arguments)
    from gevent import get_hub

    result = get_hub().threadpool.spawn(function, *arguments)
    try:
        return cast(T, result.get())
    except BaseException:
        result.wait()
        raise


def breathe() -> None:
    """Let other greenlets run, in the middle of what would not yield by itself."""
    if in_greenlet():
        from gevent import sleep

        # Not sleep(0): up to fifty of those run before the loop looks at sockets and timers again,
        # and beside three that hash in turn these waited for 60 ms instead of 20.
        sleep(1e-6)


class _Heart:
    """The one thread of a process that calls those who want to be called regularly."""

    def __init__(self) -> None:
        self._told: list[WeakMethod[Callable[[float], None]]] = []
        self._thread: threading.Thread | None = None
        self.renew_lock()

    def renew_lock(self) -> None:
        """As a child process must: its parent's thread may have held it at the fork."""
        self._lock = threading.Lock()

    def tell(self, told: Callable[[float], None]) -> None:
        with self._lock:
            self._told.append(WeakMethod(told))
            # A fork leaves the thread behind, dead.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="rf-beat", daemon=True)
                self._thread.start()

    def _beat(self) -> None:
        while True:
            due = time.perf_counter() + _INTERVAL
            time.sleep(_INTERVAL)
            late = max(0.0, time.perf_counter() - due)
            for reference in list(self._told):
                told = reference()
                if told is not None:
                    _call(told, late)
                del told
            with self._lock:
                self._told = [reference for reference in self._told if reference() is not None]
                if not self._told:
                    self._thread = None
                    return


def _call(told: Callable[[float], None], late: float) -> None:
    try:
        told(late)
    except Exception:
        logger.exception("what is done ten times a second failed; it is tried again")


_heart = _Heart()
if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_heart.renew_lock)


def beat(told: Callable[[float], None]) -> None:
    """Call a method ten times a second, in a thread of this process, until its object goes.

    :param told: given how many seconds later than asked it is called: where threads are
        greenlets, that is how late the loop runs.
    """
    _heart.tell(told)
