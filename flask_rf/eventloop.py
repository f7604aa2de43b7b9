"""gevent's loop, where one runs: blocking calls made by a greenlet stop every other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
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
