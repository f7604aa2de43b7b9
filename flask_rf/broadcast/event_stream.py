"""Server-sent events as text (HTML standard, section 9.2), and what their ids mean. Pure.

The id of an event says where the stream then stands in the histories of its channels, so that
a browser's own ``Last-Event-ID`` asks for what came since. It is the socket's id, then a place
for each channel, in the order in which the request names them: ``12.34,5f1c9a3e:17,,c2d90b7a:3``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from .. import jitter
from .protocol import is_socket_id
from .protocol import SUBSCRIPTION_ERROR
from .protocol import SUBSCRIPTION_SUCCEEDED
from .wire import CLOSE
from .wire import TEXT
from .wire import unframed

#: A comment, which says that the stream lives.
HEARTBEAT = b":\n\n"

#: Seconds after which clients come back: of a stream that was cut, and at once. Drawn for each
#: stream, so that those which end together do not come back together.
CUT, AT_ONCE = (1.0, 5.0), (0.0, 1.0)

_ANSWERS = (SUBSCRIPTION_SUCCEEDED, SUBSCRIPTION_ERROR)
# The two ends of a message, as :func:`.protocol.encode` and ``publish.lua`` write them. Within a
# JSON text every quotation mark has a backslash before it, so that no data looks like them.
_HEAD = re.compile(rb'\{"event":"([^"\\]*(?:\\.[^"\\]*)*)"(?:,"channel":"([^"]*)")?')
_TAIL = re.compile(
    rb',"epoch":"([0-9a-zA-Z]{1,32})","offset":([0-9]{1,16})(?:,"recovered":(?:true|false))?\}'
)
_TAIL_SIZE = 120  # bytes; a tail has at most 99
_LOST = b',"recovered":false}'
_PLACE = re.compile(r"[0-9a-zA-Z]{1,32}:[0-9]{1,16}")
_NOWHERE = "?"  # stands for what is no place, of which the server will say so


def event(message: bytes, event_id: str = "") -> bytes:
    """One message, which is JSON and so has no line feed of its own."""
    head = b"id: %b\n" % event_id.encode() if event_id else b""
    return head + b"data: %b\n\n" % message


def retry(between: tuple[float, float]) -> bytes:
    """When the client is to come back, once the stream has ended.

    :param between: seconds.
    """
    return b"retry: %d\n\n" % round(jitter.between(*between) * 1000)


class About(NamedTuple):
    """What a stream has to know of a message.

    :param place: ``epoch:offset``, or "".
    :param lost: whether it says that something could not be given back.
    """

    event: str
    channel: str
    place: str
    lost: bool


def about(message: bytes) -> About:
    """Read the ends of one of our messages: to parse all of it takes 0.7 ms for 170 kB, for each
    stream that it goes to.
    """
    head = _HEAD.match(message)
    event, channel = head.groups(b"") if head else (b"", b"")
    start = message.find(b',"epoch":"', max(0, len(message) - _TAIL_SIZE))
    tail = _TAIL.fullmatch(message, start) if start >= 0 else None
    place = b":".join(tail.groups()) if tail else b""
    return About(event.decode(), channel.decode(), place.decode(), message.endswith(_LOST))


class Places:
    """Where a stream stands in the histories of its channels.

    Until it has been answered for a channel, it stands where its client had come before: those
    who are cut off in between lose nothing.

    :param socket_id: the stream's.
    :param channels: in the order of the request.
    :param last_id: the id of the last event that the client had, or "".
    """

    def __init__(self, socket_id: str, channels: Sequence[str], last_id: str) -> None:
        self._socket_id = socket_id
        self._unanswered = set(channels)
        former, *places = last_id.split(",")
        self._former = former if is_socket_id(former) else ""
        if len(places) != len(channels):  # an id of other channels, or none at all
            places = [_NOWHERE if last_id else ""] * len(channels)
        self._places = {c: _read(place) for c, place in zip(channels, places, strict=True)}

    def recover(self, channel: str) -> Mapping[str, Any] | None:
        """What to say of a channel on subscribing to it; None where nothing was heard of it."""
        place = self._places[channel]
        if not place:
            return None
        if place == _NOWHERE:
            return {}
        epoch, _, offset = place.partition(":")
        return {"epoch": epoch, "offset": int(offset), "socket_id": self._former}

    def after(self, message: bytes) -> str:
        """The id of an event; "" where the stream stands as before."""
        told = about(message)
        if told.channel not in self._places:
            return ""
        answered = told.event in _ANSWERS
        if answered:
            self._unanswered.discard(told.channel)
        if told.place or told.lost:
            self._places[told.channel] = told.place
        elif not answered:
            return ""
        return str(self)

    def __str__(self) -> str:
        socket_id = self._former if self._unanswered and self._former else self._socket_id
        return ",".join((socket_id, *self._places.values()))


def _read(place: str) -> str:
    return place if not place or _PLACE.fullmatch(place) else _NOWHERE


def events(frames: bytes, places: Places) -> bytes:
    """Finished WebSocket frames as events of a stream."""
    return b"".join(
        event(payload, places.after(payload)) if opcode == TEXT else _last(payload)
        for opcode, payload in unframed(frames)
        if opcode in (TEXT, CLOSE)
    )


def _last(close: bytes) -> bytes:
    code = int.from_bytes(close[:2], "big")
    return retry(AT_ONCE if 4200 <= code < 4300 else CUT)
