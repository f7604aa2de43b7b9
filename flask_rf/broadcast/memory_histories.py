"""The histories of a single process. redis/publish.lua and redis/recover.lua keep the same."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

from . import protocol
from .envelope import Envelope
from .history import History
from .history import Position
from .history import Recovered

_CHANNELS = 10_000  # histories kept; beyond it the one not used for longest ends


class _Kept:
    """One channel's: the events from ``offset - len(events) + 1`` to ``offset``."""

    __slots__ = ("epoch", "events", "expires", "offset")

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self.offset = 0
        self.events: deque[Envelope] = deque()
        self.expires = 0.0


class MemoryHistories:
    """
    :param clock: seconds, never running backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def add(self, channel: str, envelope: Envelope, history: History) -> Envelope:
        """Keep an event; returns it with its place."""
        kept = self._of(channel)
        kept.offset += 1
        kept.expires = self._clock() + history.ttl
        payload = protocol.placed(envelope.payload, kept.epoch, kept.offset)
        placed = envelope._replace(payload=payload, epoch=kept.epoch, offset=kept.offset)
        kept.events.append(placed)
        while len(kept.events) > history.size:
            kept.events.popleft()
        return placed

    def since(self, channel: str, position: Position | None) -> Recovered:
        kept = self._of(channel)
        stands = Position(kept.epoch, kept.offset)
        if position is None or position.epoch != kept.epoch:
            return Recovered(stands)
        missing = kept.offset - position.offset
        if not 0 <= missing <= len(kept.events):
            return Recovered(stands)
        return Recovered(stands, True, list(islice(kept.events, len(kept.events) - missing, None)))

    def _of(self, channel: str) -> _Kept:
        kept = self._kept.get(channel) or self._kept.setdefault(channel, _Kept())
        self._kept.move_to_end(channel)
        if kept.events and kept.expires <= self._clock():
            kept.events.clear()
        while len(self._kept) > _CHANNELS:
            self._kept.popitem(last=False)
        return kept
