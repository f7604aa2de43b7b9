"""Passes events on in the sequence of their histories: none twice, none left out unsaid."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from ..errors import RedisUnavailable
from . import protocol
from .envelope import Envelope
from .history import Position
from .history import Recovered
from .hub import Event
from .hub import Hub

logger = logging.getLogger("flask_rf.broadcast")

#: Reads the histories of channels, from a position on.
Recover = Callable[[Sequence[tuple[str, Position]]], Sequence[Recovered]]

_AT_ONCE = 100  # histories read in one go


class Sequencer:
    """Stands between the listener, in whose thread it works, and the hub."""

    def __init__(self, hub: Hub, recover: Recover) -> None:
        self._hub = hub
        self._recover = recover

    def deliver(self, burst: Sequence[Event]) -> None:
        """Pass on what arrived in one go, and what turns out to be missing."""
        if any(envelope.offset for _, envelope in burst):
            burst = [event for arrived in burst for event in self._next(*arrived)]
        self._hub.deliver(burst)

    def catch_up(self, concerns: Callable[[str], bool]) -> None:
        """Pass on what was published while nothing was heard.

        :param concerns: whether it is so of a channel.
        :raises RedisUnavailable: it cannot be read now.
        """
        places = [(channel, place) for channel, place in self._hub.places() if concerns(channel)]
        for first in range(0, len(places), _AT_ONCE):
            wanted = places[first : first + _AT_ONCE]
            for (channel, _), found in zip(wanted, self._recover(wanted), strict=True):
                self._hub.deliver(list(self._found(channel, found)))

    def _next(self, channel: str, envelope: Envelope) -> Sequence[Event]:
        heard = self._hub.place(channel)
        if not envelope.offset or heard is None:
            return [(channel, envelope)]
        place = Position(envelope.epoch, envelope.offset)
        if place == (heard.epoch, heard.offset + 1):
            self._hub.move(channel, place)
            return [(channel, envelope)]
        if place.epoch == heard.epoch and place.offset <= heard.offset:
            return []  # read from the history before it came
        return self._fetch(channel, heard)

    def _fetch(self, channel: str, heard: Position) -> Sequence[Event]:
        try:
            (found,) = self._recover([(channel, heard)])
        except RedisUnavailable as error:
            # What came is in the history: the next event, or the next connection, finds it there.
            logger.debug("a gap on %r stays open: %s", channel, error)
            return []
        return list(self._found(channel, found))

    def _found(self, channel: str, found: Recovered) -> Iterator[Event]:
        self._hub.move(channel, found.position)
        if found.complete:
            yield from ((channel, envelope) for envelope in found.events)
        else:
            logger.info("events on %r may have been lost; its subscribers are told", channel)
            message = protocol.missed(channel, **found.position._asdict())
            yield channel, Envelope(message, time.time())
