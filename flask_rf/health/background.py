"""Checks run at an interval, so that probes find their results ready."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterable
from dataclasses import replace
from time import monotonic

from .result import Outcome
from .result import Result
from .result import Status
from .runner import Runner

#: Intervals after which a result says nothing any more.
_STALE_AFTER = 3


class Background:
    """Runs checks in a thread that starts with the first probe and ends with the app.

    :param interval: seconds between two runs.
    :param longest: seconds that a run may take.
    """

    def __init__(self, runner: Runner, interval: float, longest: float) -> None:
        self._runner = runner
        self._interval = interval
        # A check that hangs may make runs last longer than several intervals.
        self._lasts = _STALE_AFTER * max(interval, longest)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last: tuple[Outcome, ...] | None = None
        self._run_at = 0.0

    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes of the last run; of one made now if there was none."""
        self._ensure_running()
        if self._last is None:
            return self._runner.outcomes()
        age = monotonic() - self._run_at
        if age > self._lasts:
            return tuple(_stale(self._last, age))
        return self._last

    def run(self) -> None:
        """Run the checks once."""
        outcomes = self._runner.outcomes()
        self._run_at = monotonic()  # first, for a probe may come between
        self._last = outcomes

    def _ensure_running(self) -> None:
        with self._lock:
            # A fork leaves the thread behind, dead.
            if self._thread is None or not self._thread.is_alive():
                arguments = (weakref.ref(self), self._interval)
                self._thread = threading.Thread(
                    target=_repeat, args=arguments, name="health checks", daemon=True
                )
                self._thread.start()


def _repeat(reference: weakref.ref[Background], interval: float) -> None:
    while True:
        background = reference()
        if background is None:
            return
        background.run()
        del background
        time.sleep(interval)


def _stale(outcomes: Iterable[Outcome], age: float) -> Iterable[Outcome]:
    for outcome in outcomes:
        status: Status = "fail" if outcome.check.is_critical else "warn"
        yield replace(outcome, result=Result(status, f"no result for {age:.0f} s"))
