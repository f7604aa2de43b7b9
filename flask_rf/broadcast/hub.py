"""Who listens in this process, how far each channel has been heard, and the fan-out of events."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol
from typing import TypeVar

from .envelope import Envelope
from .history import Position
from .wire import text_frame

#: Sockets served between two looks at the clock, and the seconds after which a fan-out
#: gives way, so that plain requests stay quick beside many thousand sockets.
_STRIDE = 32
_SLICE = 0.002

#: Seconds of giving way. Not 0: gevent would go on with what is ready without asking the
#: system for more, and a request would wait for the whole fan-out.
_TURN = 1e-9

T = TypeVar("T")

_NOWHERE: Mapping[str, Position] = {}

Event = tuple[str, Envelope]
Framed = tuple[Envelope, bytes]


class Sink(Protocol):
    """Where a socket's frames go; ``push`` never blocks."""

    @property
    def socket_id(self) -> str: ...

    def push(self, frames: bytes) -> None: ...


class Waiting:
    """Keeps a channel's events for a socket until it has been told that it is subscribed.

    One that has read the channel's history is passed nothing that it holds already.
    """

    def __init__(self, socket_id: str) -> None:
        self.socket_id = socket_id
        self.sink: Sink | None = None  # once it has been told
        self.level = False  # with the channel's other sockets: what is news to them is to it
        self._events: list[Framed] = []
        self._place: Position | None = None
        self._lock = threading.Lock()

    def take(self, events: Sequence[Framed]) -> None:
        with self._lock:
            if self.sink is None:
                self._events += events
            else:
                self._pass_on(self.sink, b"", events)

    def admit(self, sink: Sink, first: bytes, place: Position | None, heard: bool) -> None:
        with self._lock:
            self.sink, self._place = sink, place
            self.level = heard
            self._pass_on(sink, first, self._events)
            self._events = []

    def _pass_on(self, sink: Sink, first: bytes, events: Sequence[Framed]) -> None:
        news = [(e, frame) for e, frame in events if e.skip != self.socket_id and self._lacks(e)]
        if self._place is None or any(envelope.offset for envelope, _ in news):
            self.level = True
        if first or news:
            sink.push(first + b"".join(frame for _, frame in news))

    def _lacks(self, envelope: Envelope) -> bool:
        place = self._place
        held = place and envelope.epoch == place.epoch and envelope.offset <= place.offset
        return not (held and envelope.offset)


class _Audience:
    """A channel's sockets, and the place in its history up to which all of them have heard."""

    __slots__ = ("place", "sinks", "waiting")

    def __init__(self) -> None:
        self.sinks: dict[str, Sink] = {}
        self.waiting: dict[str, Waiting] = {}
        self.place: Position | None = None


class Hub:
    """Channels and their sinks.

    One lock guards the table; fan-out works on copies and holds no lock while it sends.
    :meth:`deliver` is one thread's.
    """

    def __init__(self) -> None:
        self._channels: dict[str, _Audience] = {}
        self._lock = threading.RLock()

    def add(self, channel: str, sink: Sink) -> None:
        with self._lock:
            self._audience(channel).sinks[sink.socket_id] = sink

    def wait(self, channel: str, socket_id: str) -> None:
        """Keep the channel's events for a socket from now on, until :meth:`admit`."""
        with self._lock:
            self._audience(channel).waiting[socket_id] = Waiting(socket_id)

    def admit(self, channel: str, sink: Sink, first: bytes, place: Position | None = None) -> bool:
        """Let a waiting socket in: ``first``, then what it missed, then live events.

        :param place: up to where it holds the channel's history, ``first`` included.
        :return: False where it has left meanwhile.
        """
        with self._lock:
            audience = self._channels.get(channel)
            waiting = audience.waiting.get(sink.socket_id) if audience else None
            if audience is None or waiting is None:
                return False
            waiting.admit(sink, first, place, heard=place == audience.place)
            self._promote(audience)
            return True

    def remove(self, channel: str, socket_id: str) -> bool:
        """Returns whether nobody listens to the channel any more."""
        with self._lock:
            audience = self._channels.get(channel)
            if audience is None:
                return False
            found = audience.waiting.pop(socket_id, None), audience.sinks.pop(socket_id, None)
            empty = not audience.sinks and not audience.waiting
            if empty:
                del self._channels[channel]
            return empty and any(found)

    def socket_ids(self, channel: str) -> Collection[str]:
        with self._lock:
            audience = self._channels.get(channel)
            return (*audience.sinks, *audience.waiting) if audience else ()

    def size(self, channel: str) -> int:
        return len(self.socket_ids(channel))

    def place(self, channel: str) -> Position | None:
        """Up to where all of a channel's sockets have heard its history; None if it has none."""
        with self._lock:
            audience = self._channels.get(channel)
            return audience.place if audience else None

    def begin(self, channel: str, place: Position) -> None:
        """Note where the first of a channel's sockets stands.

        Who comes later may stand behind or before: what it lacks is kept for it.
        """
        with self._lock:
            audience = self._channels.get(channel)
            if audience is not None and audience.place is None:
                audience.place = place

    def places(self) -> list[tuple[str, Position]]:
        """The channels with a history, and up to where each has been heard."""
        with self._lock:
            return [(name, a.place) for name, a in self._channels.items() if a.place is not None]

    def deliver(self, burst: Sequence[Event], places: Mapping[str, Position] = _NOWHERE) -> None:
        """Send what arrived in one go; each socket gets its part in one piece, in order.

        :param places: of channels, up to where all their sockets have heard with it.
        """
        by_channel: dict[str, list[Framed]] = {}
        for channel, envelope in burst:
            framed = envelope, text_frame(envelope.payload)
            by_channel.setdefault(channel, []).append(framed)
        if len(by_channel) == 1 and (len(burst) == 1 or not any(e.skip for _, e in burst)):
            ((channel, events),) = by_channel.items()
            sinks, waiting = self._listeners(channel, places)
            self._fan_out(sinks, b"".join(frame for _, frame in events), burst[0][1].skip)
            self._keep(channel, waiting, events)
        elif burst:
            self._deliver_mixed(burst, by_channel, places)

    def repeat(self, channel: str, envelope: Envelope) -> None:
        """Pass on what those have who listen to a channel; who still waits may lack it."""
        _, waiting = self._listeners(channel, _NOWHERE)
        if waiting:
            self._keep(channel, waiting, [(envelope, text_frame(envelope.payload))])

    def push(self, channel: str, message: bytes) -> None:
        """Send a message to all on a channel."""
        self.deliver([(channel, Envelope(message, time.time()))])

    def _deliver_mixed(
        self,
        burst: Sequence[Event],
        by_channel: dict[str, list[Framed]],
        places: Mapping[str, Position],
    ) -> None:
        listeners = {channel: self._listeners(channel, places) for channel in by_channel}
        frames = {channel: iter(events) for channel, events in by_channel.items()}
        parts: dict[str, tuple[Sink, list[bytes]]] = {}
        for channel, envelope in burst:
            _, frame = next(frames[channel])
            for sink in listeners[channel][0]:
                if sink.socket_id != envelope.skip:
                    parts.setdefault(sink.socket_id, (sink, []))[1].append(frame)
        for part in _in_slices(list(parts.values())):
            for sink, own in part:
                sink.push(b"".join(own))
        for channel, events in by_channel.items():
            self._keep(channel, listeners[channel][1], events)

    def _fan_out(self, sinks: Sequence[Sink], frames: bytes, skip: str) -> None:
        if skip:
            sinks = [sink for sink in sinks if sink.socket_id != skip]
        for part in _in_slices(sinks):
            for sink in part:
                sink.push(frames)

    def _keep(self, channel: str, waiting: Sequence[Waiting], events: Sequence[Framed]) -> None:
        for one in waiting:
            one.take(events)
        if waiting:
            with self._lock:
                audience = self._channels.get(channel)
                if audience is not None:
                    self._promote(audience)

    def _promote(self, audience: _Audience) -> None:
        """Make those who wait no more like the others."""
        for socket_id, one in list(audience.waiting.items()):
            if one.level and one.sink is not None:
                audience.sinks[socket_id] = one.sink
                del audience.waiting[socket_id]

    def _audience(self, channel: str) -> _Audience:
        return self._channels.setdefault(channel, _Audience())

    def _listeners(
        self, channel: str, places: Mapping[str, Position]
    ) -> tuple[tuple[Sink, ...], tuple[Waiting, ...]]:
        """Who is to get events; whoever comes later stands behind them."""
        with self._lock:
            audience = self._channels.get(channel)
            if audience is None:
                return (), ()
            audience.place = places.get(channel, audience.place)
            return tuple(audience.sinks.values()), tuple(audience.waiting.values())


def _in_slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    started = time.monotonic()
    for first in range(0, len(items), _STRIDE):
        yield items[first : first + _STRIDE]
        if time.monotonic() - started > _SLICE:
            time.sleep(_TURN)
            started = time.monotonic()
