"""How many subscribe to what: each server's own counts in Redis, and their sums.

Changes are written together every half second, so that a wave of subscriptions costs a
few commands.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping

from ...errors import RedisUnavailable
from ..channel import tells_its_size

logger = logging.getLogger("flask_rf.broadcast")

_FLUSH = 0.5  # seconds a change may wait
_OFTEN = 100  # subscribers up to which every change is told
_SELDOM = 5.0  # seconds between two announcements above that

#: Writes pairs of channel and (subscribers here, whether to tell); returns the totals.
Write = Callable[[Mapping[str, tuple[int, bool]]], Mapping[str, int]]


class Tally:
    """One server's part of the counts.

    :param write: as above; raises RedisUnavailable, after which it is tried again.
    :param tell: whether subscribers are told how many they are.
    """

    def __init__(self, write: Write, tell: bool) -> None:
        self._write = write
        self._tell = tell
        self._counts: dict[str, int] = {}
        self._dirty: set[str] = set()
        self._told: dict[str, tuple[float, int]] = {}
        self._wake = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="rf-tally", daemon=True)
        self._thread.start()

    def count(self, channel: str, subscribers: int) -> None:
        """Note this server's subscribers of a channel."""
        with self._wake:
            self._counts[channel] = subscribers
            self._dirty.add(channel)
            self._wake.notify()

    def write_again(self) -> None:
        """Redis may have lost everything: write all counts."""
        with self._wake:
            self._dirty.update(self._counts)
            self._wake.notify()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def join(self, timeout: float) -> None:
        """Wait for its thread to end, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._dirty and not self._stopped:
                    self._wake.wait()
                if self._stopped:
                    return
            time.sleep(_FLUSH)
            self._flush(time.monotonic())

    def _flush(self, now: float) -> None:
        with self._wake:
            dirty, self._dirty = self._dirty, set()
            counts = {name: (self._counts[name], self._may_tell(name, now)) for name in dirty}
        try:
            totals = self._write(counts)
        except RedisUnavailable as error:
            logger.debug("subscription counts wait: %s", error)
            with self._wake:
                self._dirty |= dirty
            return
        with self._wake:
            for name, (_, told) in counts.items():
                self._note(name, totals[name], now if told else None)

    def _may_tell(self, channel: str, now: float) -> bool:
        told_at, total = self._told.get(channel, (-_SELDOM, 0))
        return (
            self._tell and tells_its_size(channel) and (total <= _OFTEN or now - told_at >= _SELDOM)
        )

    def _note(self, channel: str, total: int, told_at: float | None) -> None:
        if told_at is not None:
            self._told[channel] = (told_at, total)
        if channel in self._dirty:
            return  # it has changed while it was written
        if self._counts[channel] == 0:
            del self._counts[channel]
            self._told.pop(channel, None)
        elif told_at is None and self._tell and tells_its_size(channel):
            self._dirty.add(channel)  # to be told once it may be
