"""Runs checks side by side, within deadlines, once for any number of probes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from datetime import timezone
from time import monotonic

from flask import Flask

from ..checks import Check
from ..checks import checks_of
from ..signals import health_checked
from ..signals import tell
from .options import HealthOptions
from .result import Outcome
from .result import Result
from .result import result_of

logger = logging.getLogger("flask_rf")


class Runner:
    """Runs the checks of one app.

    Threads make the checks concurrent: patched by gevent they are greenlets.
    """

    def __init__(self, app: Flask, options: HealthOptions) -> None:
        self._app = app
        self._options = options
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._attempts: dict[str, _Attempt] = {}
        self._failures: dict[str, int] = {}

    def outcomes(self) -> tuple[Outcome, ...]:
        """Of every check: from the run under way, one that has just ended, or a new one."""
        while True:
            run, leads = self._join()
            if leads:
                self._lead(run)
            run.ended.wait()
            if run.outcomes is not None:
                return run.outcomes

    def _join(self) -> tuple[_Run, bool]:
        with self._lock:
            run = self._run
            if run is not None and not run.is_stale(self._options.cache):
                return run, False
            self._run = _Run()
            return self._run, True

    def _lead(self, run: _Run) -> None:
        try:
            run.outcomes = outcomes = tuple(self._results())
            statuses = {outcome.check.name: outcome.result.status for outcome in outcomes}
            tell(health_checked, self._app, statuses=statuses)
        finally:
            # Also when the leading request is killed: those who wait then lead themselves.
            run.end()

    def _results(self) -> Iterator[Outcome]:
        started = monotonic()
        attempts = [self._attempt(c) for c in checks_of(self._app) if c.applies()]
        for attempt in attempts:
            timeout = attempt.check.timeout or self._options.timeout
            end = min(attempt.started + timeout, started + self._options.total_timeout)
            finished = attempt.ended.wait(max(0.0, end - monotonic()))
            result = attempt.result if finished else Result("fail", "timed out")
            yield attempt.outcome(self._levelled(attempt.check, result))

    def _attempt(self, check: Check) -> _Attempt:
        """Start ``check``, unless it still hangs from an earlier run."""
        attempt = self._attempts.get(check.name)
        if attempt is None or attempt.ended.is_set():
            attempt = self._attempts[check.name] = _Attempt(self._app, check)
        return attempt

    def _levelled(self, check: Check, result: Result) -> Result:
        """What ``result`` counts for: failures warn if not critical, or not yet often enough."""
        if result.status != "fail":
            self._failures[check.name] = 0
            return result
        failures = self._failures.get(check.name, 0) + 1
        self._failures[check.name] = failures
        if failures == 1:
            logger.warning("the health check %r fails: %s", check.name, result.output)
        down = check.is_critical and failures >= self._options.failures
        return result if down else replace(result, status="warn")


class _Run:
    """One run of all checks, shared by every probe that comes meanwhile."""

    def __init__(self) -> None:
        self.outcomes: tuple[Outcome, ...] | None = None
        self.ended = threading.Event()
        self._ended_at = 0.0

    def end(self) -> None:
        self._ended_at = monotonic()
        self.ended.set()

    def is_stale(self, lifetime: float) -> bool:
        if not self.ended.is_set():
            return False
        return self.outcomes is None or monotonic() - self._ended_at >= lifetime


class _Attempt:
    """One check, called in a thread of its own."""

    def __init__(self, app: Flask, check: Check) -> None:
        self.check = check
        self.result = Result()
        self.started = monotonic()
        self.ended = threading.Event()
        self._app = app
        self._time = datetime.now(timezone.utc)
        self._seconds = 0.0
        name = f"health check {check.name}"
        threading.Thread(target=self._call, name=name, daemon=True).start()

    def _call(self) -> None:
        try:
            with self._app.app_context():
                self.result = result_of(self.check.function())
        # A check fails alone, whatever it raises: gevent.Timeout is no Exception. The text may
        # hold a URL with a password, so only the type is told.
        except BaseException as error:
            self.result = Result("fail", f"raised {type(error).__name__}")
        finally:
            self._seconds = monotonic() - self.started
            self.ended.set()

    def outcome(self, result: Result) -> Outcome:
        seconds = self._seconds if self.ended.is_set() else monotonic() - self.started
        return Outcome(self.check, result, seconds, self._time)
