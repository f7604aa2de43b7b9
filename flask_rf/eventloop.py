"""gevent's loop, where one runs: blocking calls made by a greenlet stop every other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from typing import cast
from typing import TypeVar

T = TypeVar("T")


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
