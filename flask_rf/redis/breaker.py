"""A circuit breaker: after a few failures nobody waits for Redis but one probe at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from .. import jitter

#: Consecutive failures that open it.
THRESHOLD = 3
#: Seconds between probes, chosen anew each time so that processes do not probe in step.
PROBE_AFTER = (0.4, 0.9)


class Breaker:
    """Closed while Redis answers; open while it does not; a single probe may close it again.

    :param on_open: called once on each opening, with the reason.
    :param on_close: called once on each closing, with the outage in seconds.
    :param clock: seconds, never running backwards.
    """

    def __init__(
        self,
        on_open: Callable[[str], None],
        on_close: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_open = on_open
        self._on_close = on_close
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._next_probe = 0.0
        self._lock = Lock()

    @property
    def open(self) -> bool:
        return self._opened is not None

    def allows(self) -> bool:
        """Whether to try Redis now. An open breaker says yes to one probe at a time."""
        if self._opened is None:
            return True
        with self._lock:
            now = self._clock()
            if now < self._next_probe:
                return False
            self._schedule_probe(now)
            return True

    def succeeded(self) -> None:
        """Redis answered."""
        if not self._failures:
            return
        with self._lock:
            opened, self._opened, self._failures = self._opened, None, 0
        if opened is not None:
            self._on_close(self._clock() - opened)

    def failed(self, reason: str) -> None:
        """Redis did not answer, or refused.

        :param reason: for people, without credentials.
        """
        with self._lock:
            self._failures += 1
            opens = self._opened is None and self._failures >= THRESHOLD
            if opens:
                self._opened = self._clock()
            if self._opened is not None:
                self._schedule_probe(self._clock())
        if opens:
            self._on_open(reason)

    def _schedule_probe(self, now: float) -> None:
        self._next_probe = now + jitter.between(*PROBE_AFTER)
