"""Keeps the leases of requests that last: reports, streams, WebSockets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import islice
from threading import Event
from threading import Lock
from threading import Thread
from weakref import WeakSet

from .admission import Admission
from .responses import Decision
from .store import Store

logger = logging.getLogger("flask_rf")

#: Leases renewed by one call, so that no other waits long for the server.
_AT_ONCE = 100
_MICROSECONDS = 1_000_000


class LeaseKeeper:
    """Renews leases thrice in their period, for as long as somebody holds the request.

    Of a worker that died they run out, and of a response that was dropped without being
    closed: the keeper does not hold requests itself. Its thread lives while there are leases.

    :param store: where they are counted.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._admissions: WeakSet[Admission]
        self._shorter = Event()
        self._lock = Lock()
        self._pid = 0  # of the process whose leases these are, while it has any

    def keep(self, admission: Admission) -> None:
        """Renew the leases of ``admission`` until they end."""
        interval = _interval(admission.leases)
        if interval is None:
            return
        with self._lock:
            if self._pid != os.getpid():
                self._start(interval)
            elif interval < self._interval:
                self._shorter.set()
            self._admissions.add(admission)

    def _start(self, interval: float) -> None:
        # In a forked process, what the other one holds is no business of this one's.
        self._admissions = WeakSet()
        self._pid, self._interval = os.getpid(), interval
        Thread(target=self._run, name="rf-leases", daemon=True).start()

    def _run(self) -> None:
        while True:
            if not self._shorter.wait(self._interval):
                self._renew()
            self._shorter.clear()
            with self._lock:
                interval = _interval(self._leases())
                if interval is None:
                    self._pid = 0
                    return
                self._interval = interval

    def _renew(self) -> None:
        with self._lock:
            leases = iter(list(self._leases()))
        while batch := list(islice(leases, _AT_ONCE)):
            try:
                self._store.renew(*zip(*batch, strict=True))
            except Exception:
                logger.exception("Leases of %d requests were not renewed", len(batch))

    def _leases(self) -> Iterator[Decision]:
        return (lease for admission in self._admissions for lease in admission.leases)


def _interval(leases: Iterable[Decision]) -> float | None:
    """Seconds between renewals; None without leases."""
    windows = [lease.claim.policy.window for lease in leases]
    return min(windows) / _MICROSECONDS / 3 if windows else None
