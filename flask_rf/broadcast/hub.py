"""Who listens in this process, and the fan-out of events to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Protocol
from typing import TypeVar

from .envelope import Envelope
from .wire import text_frame

#: Sockets served between two looks at the clock, and the seconds after which a fan-out
#: gives way, so that plain requests stay quick beside many thousand sockets.
_STRIDE = 32
_SLICE = 0.002

#: Seconds of giving way. Not 0: gevent would go on with what is ready without asking the
#: system for more, and a request would wait for the whole fan-out.
_TURN = 1e-9

T = TypeVar("T")


class Sink(Protocol):
    """Where a socket's frames go; ``push`` never blocks."""

    @property
    def socket_id(self) -> str: ...

    def push(self, frames: bytes) -> None: ...


class Waiting:
    """Keeps a channel's frames for a socket until it has been told that it is subscribed.

    A fan-out under way may hold it still when its socket has been let in: it passes on then.
    """

    def __init__(self, socket_id: str) -> None:
        self.socket_id = socket_id
        self._frames: list[bytes] = []
        self._sink: Sink | None = None
        self._lock = threading.Lock()

    def push(self, frames: bytes) -> None:
        with self._lock:
            if self._sink is None:
                self._frames.append(frames)
            else:
                self._sink.push(frames)

    def admit(self, sink: Sink, first: bytes) -> None:
        with self._lock:
            sink.push(first + b"".join(self._frames))
            self._sink = sink


class Hub:
    """Channels and their sinks.

    One lock guards the table and the moment a waiting sink is replaced; fan-out
    works on a copy and holds no lock while it sends.
    """

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, Sink]] = {}
        self._lock = threading.RLock()

    def add(self, channel: str, sink: Sink) -> None:
        with self._lock:
            self._channels.setdefault(channel, {})[sink.socket_id] = sink

    def admit(self, channel: str, sink: Sink, first: bytes) -> bool:
        """Let a waiting socket in: ``first``, then what it missed, then live frames.

        Returns False where it has left meanwhile.
        """
        with self._lock:
            sinks = self._channels.get(channel, {})
            waiting = sinks.get(sink.socket_id)
            if not isinstance(waiting, Waiting):
                return False
            sinks[sink.socket_id] = sink
            waiting.admit(sink, first)
            return True

    def remove(self, channel: str, socket_id: str) -> bool:
        """Returns whether nobody listens to the channel any more."""
        with self._lock:
            sinks = self._channels.get(channel)
            if sinks is None or sinks.pop(socket_id, None) is None:
                return False
            if not sinks:
                del self._channels[channel]
            return not sinks

    def sinks(self, channel: str) -> tuple[Sink, ...]:
        with self._lock:
            return tuple(self._channels.get(channel, {}).values())

    def size(self, channel: str) -> int:
        with self._lock:
            return len(self._channels.get(channel, ()))

    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> int:
        """Send what arrived in one go; each socket gets its part in one piece, in order.

        :returns: how many messages that were, all sockets together.
        """
        if len(burst) == 1 or not any(envelope.skip for _, envelope in burst):
            names = {channel for channel, _ in burst}
            if len(names) == 1:
                frames = b"".join(text_frame(envelope.payload) for _, envelope in burst)
                return len(burst) * self._fan_out(self.sinks(names.pop()), frames, burst[0][1].skip)
        return self._deliver_mixed(burst)

    def _deliver_mixed(self, burst: Sequence[tuple[str, Envelope]]) -> int:
        parts: dict[str, tuple[Sink, list[bytes]]] = {}
        for channel, envelope in burst:
            frame = text_frame(envelope.payload)
            for sink in self.sinks(channel):
                if sink.socket_id != envelope.skip:
                    parts.setdefault(sink.socket_id, (sink, []))[1].append(frame)
        for part in _in_slices(list(parts.values())):
            for sink, frames in part:
                sink.push(b"".join(frames))
        return sum(len(frames) for _, frames in parts.values())

    def _fan_out(self, sinks: Sequence[Sink], frames: bytes, skip: str) -> int:
        if skip:
            sinks = [sink for sink in sinks if sink.socket_id != skip]
        for part in _in_slices(sinks):
            for sink in part:
                sink.push(frames)
        return len(sinks)


def _in_slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    started = time.monotonic()
    for first in range(0, len(items), _STRIDE):
        yield items[first : first + _STRIDE]
        if time.monotonic() - started > _SLICE:
            time.sleep(_TURN)
            started = time.monotonic()
