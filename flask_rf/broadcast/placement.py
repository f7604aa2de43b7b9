"""Where in a channel's history a new subscriber starts, and what it is sent to get there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..errors import RedisUnavailable
from . import protocol
from .broker import Broker
from .history import Histories
from .history import Position
from .history import Recovered
from .history import Since
from .hub import Hub
from .hub import Sink
from .wire import text_frame

logger = logging.getLogger("flask_rf.broadcast")


@dataclass(frozen=True)
class Start:
    """
    :param told: what goes with the word that it is subscribed.
    :param frames: what follows at once: the events it has missed, or that it has missed some.
    :param place: where it stands then; None if that is not known.
    """

    told: Mapping[str, Any] = field(default_factory=dict)
    frames: bytes = b""
    place: Position | None = None


class Placement:
    """Finds the start of subscribers.

    :param max_replay: bytes that one may be sent to catch up; who has missed more is told so.
    """

    def __init__(self, broker: Broker, hub: Hub, histories: Histories, max_replay: int) -> None:
        self._broker = broker
        self._hub = hub
        self._histories = histories
        self._max_replay = max_replay
        self._unsure: dict[tuple[str, str], Sink] = {}

    def start(self, sink: Sink, channel: str, since: Since | None) -> Start:
        """Where a socket starts for which the hub keeps the events of ``channel`` from now on.

        Events that leave it out are none that it has missed.

        :raises RedisUnavailable: it wants what it has missed, and nobody can tell now.
        """
        if self._histories.of(channel) is None:
            return Start() if since is None else _lost(channel, {})
        try:
            found = self._find(channel, since)
        except RedisUnavailable:
            if since is not None:
                raise
            self._unsure[sink.socket_id, channel] = sink
            return Start()
        return self._from(sink.socket_id, channel, found, since)

    def forget(self, socket_id: str, channel: str) -> None:
        """A socket has left a channel."""
        self._unsure.pop((socket_id, channel), None)

    def settle(self) -> None:
        """Tell those who came while no history could be read that they may lack something.

        :raises RedisUnavailable: they still cannot.
        """
        while unsure := next(iter(self._unsure), None):
            _, channel = unsure
            (found,) = self._broker.recover([(channel, None)])
            sink = self._unsure.pop(unsure, None)
            if sink is not None:
                self._hub.begin(channel, found.position)
                sink.push(text_frame(protocol.missed(channel, **found.position._asdict())))

    def _find(self, channel: str, since: Since | None) -> Recovered:
        wanted = since.position if since else None
        heard = self._hub.place(channel)
        if heard is not None and (since is None or wanted == heard):
            return Recovered(heard, complete=True)
        (found,) = self._broker.recover([(channel, wanted)])
        self._hub.begin(channel, found.position)
        return found

    def _from(self, socket_id: str, channel: str, found: Recovered, since: Since | None) -> Start:
        place = found.position._asdict()
        if since is None:
            return Start(place, place=found.position)
        if since.position is None:
            return _lost(channel, place)
        own = {socket_id, since.socket_id} - {""}
        events = [e for e in found.events if e.skip not in own]
        if not found.complete or sum(len(e.payload) for e in events) > self._max_replay:
            return _lost(channel, place)
        frames = b"".join(text_frame(envelope.payload) for envelope in events)
        return Start({**since.position._asdict(), "recovered": True}, frames, found.position)


def _lost(channel: str, place: Mapping[str, Any]) -> Start:
    frame = text_frame(protocol.missed(channel, **place))
    return Start({**place, "recovered": False}, frame, Position(**place) if place else None)
