"""Which channels keep their events, and how somebody who was away says where he stands. Pure.

The events of a history are numbered from 1 within an epoch, which ends when the numbers
might be given out again. Whoever names an epoch and an offset can be told what came since,
all of it, or be told that this is not possible any more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from typing import NamedTuple

from ..errors import ConfigurationError
from .channel import Channel
from .channel import InvalidChannel
from .channel import parse_channel
from .channel import Pattern
from .envelope import Envelope
from .protocol import is_socket_id

MAX_SIZE = 10_000  # events; as many are read at once by who has missed them
MAX_TTL = 7 * 86_400  # seconds

#: Seconds for which an epoch outlives the last event, for those who then come back.
EPOCH_TTL = 86_400

_EPOCH = re.compile(r"[0-9a-zA-Z]{1,32}")
_MAX_OFFSET = 2**53  # the largest number that browsers and Lua count up to


class History(NamedTuple):
    """What a channel keeps.

    :param size: events.
    :param ttl: seconds after the last one.
    """

    size: int
    ttl: int


class Position(NamedTuple):
    """A place in a history: all events of the epoch up to this one have been heard."""

    epoch: str
    offset: int


class Since(NamedTuple):
    """Up to where a client had heard a channel.

    :param position: None where it said what is no position.
    :param socket_id: of its former socket, or ""; events that left it out leave it out again.
    """

    position: Position | None
    socket_id: str = ""


class Recovered(NamedTuple):
    """What a history holds.

    :param position: where it stands.
    :param complete: ``events`` are all that came since the position asked about.
    """

    position: Position
    complete: bool = False
    events: Sequence[Envelope] = ()


class Histories:
    """The channels of an app that have a history."""

    def __init__(self) -> None:
        self._patterns: list[tuple[Pattern, History]] = []
        self.of = lru_cache(maxsize=4096)(self._find)

    def declare(self, pattern: str, size: Any, ttl: Any) -> None:
        """Give the channels that ``pattern`` covers a history.

        :raises ConfigurationError: it covers none, or the history cannot be meant.
        """
        try:
            compiled = Pattern(pattern, public=True)
        except InvalidChannel as error:
            raise ConfigurationError("history", pattern, str(error)) from None
        for name, value, most in (("history", size, MAX_SIZE), ("ttl", ttl, MAX_TTL)):
            if type(value) is not int or not 0 < value <= most:
                remedy = f"write a whole number from 1 to {most}"
                raise ConfigurationError(f"{name} of {pattern}", value, remedy)
        self._patterns.append((compiled, History(size, ttl)))
        self.of.cache_clear()

    def _find(self, name: str) -> History | None:
        channel: Channel = parse_channel(name)
        for pattern, history in self._patterns:
            if pattern.match(channel) is not None:
                return history
        return None


def read_since(given: Any) -> Since | None:
    """What a client says in ``recover`` of its subscription; None where it says nothing."""
    if given is None:
        return None
    fields = given if isinstance(given, dict) else {}
    epoch, offset = fields.get("epoch"), fields.get("offset")
    whole = type(offset) is int and 0 <= offset < _MAX_OFFSET
    if not whole or not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
        return Since(None)
    socket_id = fields.get("socket_id")
    known = isinstance(socket_id, str) and is_socket_id(socket_id)
    return Since(Position(epoch, int(offset or 0)), str(socket_id) if known else "")
