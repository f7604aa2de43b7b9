"""The series of HTTP requests, by OpenTelemetry's semantic conventions."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from ..timing import Timing
from . import families
from .families import Children

#: What matched no URL rule: a path would be a series of its own.
UNMATCHED = "__unmatched__"

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_LABELS = ("http_request_method", "http_route", "http_response_status_code")
#: Methods that are told apart; the conventions' word for all others.
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)
_OTHER_METHOD = "_OTHER"
_STATUSES = range(100, 600)


class HttpSeries:
    """Counts the requests of one app.

    :param awake: called in a process's first request.
    """

    def __init__(self, timing: Timing, awake: Callable[[], None]) -> None:
        duration = families.histogram(
            "http_server_request_duration_seconds",
            "Duration of HTTP requests.",
            _LABELS,
            buckets=_BUCKETS,
        )
        self._active = families.gauge(
            "http_server_active_requests", "HTTP requests under way.", workers="livesum"
        )
        self._children = Children(duration, free=_LABELS.index("http_route"))
        self._bound: dict[tuple[str, str | None, int], Callable[[float], None]] = {}
        self._awake = awake
        self._timing = timing
        self._told = 0
        self._telling = Lock()
        timing.listeners.append(self._ended)

    def tell_active(self) -> None:
        """Renew the gauge of requests under way: twice for each would be most of the cost."""
        with self._telling:  # a scrape and the beat at once would both add the difference
            active = len(self._timing.active)
            if active != self._told:
                self._active.inc(active - self._told)
                self._told = active

    def _ended(self, method: str, route: str | None, status: int, seconds: float) -> None:
        observe = self._bound.get((method, route, status))
        if observe is None:
            observe = self._bind(method, route, status)
        observe(seconds)

    def _bind(self, method: str, route: str | None, status: int) -> Callable[[float], None]:
        self._awake()
        child: Any = self._children.of(
            method if method in _METHODS else _OTHER_METHOD,
            UNMATCHED if route is None else route,
            str(status) if status in _STATUSES else "0",
        )
        observe: Callable[[float], None] = child.observe
        if method in _METHODS and status in _STATUSES:
            self._bound[method, route, status] = observe
        return observe
