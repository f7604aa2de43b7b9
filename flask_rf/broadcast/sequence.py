"""Passes events on in the sequence of their histories: none twice, none left out unsaid."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
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
        # A place moves together with the events up to it, or who comes between gets them twice.
        places: dict[str, Position] = {}
        if any(envelope.offset for _, envelope in burst):
            burst = [event for arrived in burst for event in self._next(*arrived, places)]
        self._hub.deliver(burst, places)

    def catch_up(self, concerns: Callable[[str], bool]) -> None:
        """Pass on what was published while nothing was heard.

        :param concerns: whether it is so of a channel.
        :raises RedisUnavailable: it cannot be read now.
        """
        wanted = [(channel, place) for channel, place in self._hub.places() if concerns(channel)]
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            for (channel, _), found in zip(some, self._recover(some), strict=True):
                self._hub.deliver(_events(channel, found), {channel: found.position})

    def _next(
        self, channel: str, envelope: Envelope, places: dict[str, Position]
    ) -> Sequence[Event]:
        if not envelope.offset:
            return [(channel, envelope)]
        heard = places.get(channel) or self._hub.place(channel)
        place = Position(envelope.epoch, envelope.offset)
        if heard is None or place == (heard.epoch, heard.offset + 1):
            places[channel] = place
            return [(channel, envelope)]
        if place.epoch == heard.epoch and place.offset <= heard.offset:
            self._hub.repeat(channel, envelope)  # read from the history before it came
            return []
        return self._fetch(channel, heard, places)

    def _fetch(self, channel: str, heard: Position, places: dict[str, Position]) -> Sequence[Event]:
        try:
            (found,) = self._recover([(channel, heard)])
        except RedisUnavailable as error:
            # What came is in the history: the next event, or the next connection, finds it there.
            logger.debug("a gap on %r stays open: %s", channel, error)
            return []
        places[channel] = found.position
        return _events(channel, found)


def _events(channel: str, found: Recovered) -> Sequence[Event]:
    if found.complete:
        return [(channel, envelope) for envelope in found.events]
    logger.info("events on %r may have been lost; its subscribers are told", channel)
    message = protocol.missed(channel, **found.position._asdict())
    return [(channel, Envelope(message, time.time()))]
