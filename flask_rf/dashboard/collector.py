"""Gathers what one process does, second by second, from what features announce."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

from flask import Flask

from .. import signals
from ..eventloop import runs_greenlets
from ..timing import timing
from .keys import RecentKeys
from .window import Window

#: Seconds that a viewer sees of what was before.
HISTORY = 120


class Collector:
    """What the requests, limits, sockets and Redis of one app come to.

    A lock, since a thread may be interrupted between reading and writing a count.
    """

    def __init__(self, app: Flask) -> None:
        self.history: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self._timing = timing(app)
        self._lock = Lock()
        self._window = Window()
        self._denied, self._near = RecentKeys(), RecentKeys()
        self._lost: set[str] = set()
        self._process = _Process()
        self._timing.listeners.append(self._request)
        for signal, receiver in (
            (signals.limits_decided, self._decided),
            (signals.limit_denied, self._refused),
            (signals.limit_near, self._approached),
            (signals.message_received, self._received),
            (signals.events_delivered, self._delivered),
            (signals.event_published, self._published),
            (signals.event_dropped, self._dropped),
            (signals.redis_asked, self._asked),
            (signals.store_down, self._down),
            (signals.store_up, self._up),
        ):
            signal.connect(receiver, app)

    def beat(self, late: float) -> None:
        """Note how late the loop ran; see :func:`~flask_rf.eventloop.beat`."""
        with self._lock:
            self._window.late = max(self._window.late, late)

    def tick(self, second: int, sockets: int) -> dict[str, Any]:
        """End a second and tell what it came to.

        :param second: that has ended; Unix time.
        :param sockets: open now.
        """
        with self._lock:
            ended, self._window = self._window, Window()
            denied, near = self._denied.told(), self._near.told()
        curves = {"second": second, "sockets": sockets, **ended.curves()}
        self.history.append(curves)
        return {
            **curves,
            **ended.tables(),
            "active": len(self._timing.active),
            "keys": {"denied": denied, "near": near},
            "lost": sorted(self._lost),
            "process": self._process.told(),
        }

    def _request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        with self._lock:
            self._window.request(method, route, status, seconds)

    def _decided(self, app: Flask, outcomes: Sequence[tuple[str, str]], **_: Any) -> None:
        with self._lock:
            for limit, outcome in outcomes:
                self._window.decision(limit, outcome)

    def _refused(self, app: Flask, limit: str, key: str, **_: Any) -> None:
        with self._lock:
            self._denied.add(limit, key)

    def _approached(self, app: Flask, limit: str, key: str, remaining: int, **_: Any) -> None:
        with self._lock:
            self._near.add(limit, key, remaining)

    def _received(self, app: Flask, **_: Any) -> None:
        with self._lock:
            self._window.received += 1

    def _delivered(self, app: Flask, messages: int, delays: Sequence[float], **_: Any) -> None:
        with self._lock:
            self._window.delivery(messages, delays)

    def _published(self, app: Flask, **_: Any) -> None:
        with self._lock:
            self._window.published += 1

    def _dropped(self, app: Flask, **_: Any) -> None:
        with self._lock:
            self._window.dropped += 1

    def _asked(self, app: Flask, seconds: float, **_: Any) -> None:
        with self._lock:
            self._window.redis(seconds)

    def _down(self, app: Flask, feature: str, **_: Any) -> None:
        self._lost.add(feature)

    def _up(self, app: Flask, feature: str, **_: Any) -> None:
        self._lost.discard(feature)


class _Process:
    """What a process uses."""

    def __init__(self) -> None:
        self._pid = 0
        self._started = self._looked = self._cpu = 0.0

    def told(self) -> dict[str, Any]:
        """Since the last time: the share of a CPU; else bytes and seconds."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._started = self._looked = time.monotonic()
            self._cpu = time.process_time()
        now, cpu = time.monotonic(), time.process_time()
        share = (cpu - self._cpu) / max(now - self._looked, 0.001)
        self._looked, self._cpu = now, cpu
        return {
            "pid": self._pid,
            "uptime": round(now - self._started),
            "cpu": round(share, 3),
            "memory": _resident(),
            "greenlets": runs_greenlets(),
        }


def _resident() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
