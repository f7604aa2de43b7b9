"""Compressing large bodies without holding up gevent's loop."""

from __future__ import annotations

import sys
from collections.abc import Callable

#: Bytes from which a body is worth a thread's round trip.
THRESHOLD = 128 * 1024


def off_the_loop(function: Callable[[bytes], bytes], data: bytes) -> bytes:
    """``function(data)``, in the hub's thread pool where a greenlet asks with a large body.

    Every codec releases the GIL, but none yields to the hub by itself.
    """
    if len(data) >= THRESHOLD and _in_greenlet():
        from gevent import get_hub

        encoded: bytes = get_hub().threadpool.apply(function, (data,))
        return encoded
    return function(data)


def _in_greenlet() -> bool:
    if "gevent" not in sys.modules:
        return False
    from gevent import getcurrent
    from gevent.hub import Hub

    return isinstance(getcurrent().parent, Hub)
