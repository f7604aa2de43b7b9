"""Server-sent events: a way to browsers whose network lets no WebSocket pass.

A stream is a connection like a socket's, of a client that only listens. What it would say, its
request says for it; its frames wait in a bounded queue for the thread or greenlet that serves
the request, and are written as events.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Response

from . import event_stream
from . import protocol
from .connection import Connection
from .event_stream import Places
from .options import BroadcastOptions
from .outbox import QueuedOutbox
from .protocol import Code
from .server import Server
from .websocket import give_up_on_silence

_LOOK = 1.0  # seconds between two looks at whether a client is still there
_HEARTBEAT = 15.0  # seconds of silence after which a comment is written, at most

_HEADERS = {
    "Content-Type": "text/event-stream",
    # Nor may a proxy encode it, which would hold events back until it has enough of them.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

_FULL = "this server has as many streams as it takes"

#: What vouches for a client, as the endpoints of authorisation give it.
Leave = Mapping[str, Any]


@dataclass(frozen=True)
class Listener:
    """A client that wants a stream.

    :param socket_id: the id it is going to have; its leaves are signed for it.
    :param address: the client's.
    :param sock: its connection; None if the server hides it.
    :param leaves: to join each channel; None where the app says no.
    :param user: vouches for who it is, where a channel of that user is among them.
    :param last_id: the id of the last event it had, or "".
    """

    socket_id: str
    address: str
    sock: Any
    leaves: Mapping[str, Leave | None]
    user: Leave | None = None
    last_id: str = ""


def raw_socket(sock: Any) -> Any:
    """What is within gevent's socket, which would wait, and be startled where one ends it."""
    return getattr(sock, "_sock", sock)


class StreamOutbox(QueuedOutbox):
    """
    :param sock: the connection's; None if the server hides it.
    """

    def __init__(self, sock: Any, cap: int, dropped: Callable[[], None]) -> None:
        super().__init__(cap, dropped)
        self._sock = raw_socket(sock)

    def abort(self) -> None:
        super().abort()
        # A writer that waits for more ends its response by itself, as the server would have it.
        if self.writing and self._sock is not None:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def look(self) -> None:
        """End the stream if the peer has closed its side; behind TLS only a write would tell."""
        if self._sock is None or isinstance(self._sock, ssl.SSLSocket):
            return
        try:
            gone = not self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        if gone:
            self.abort()


class Streams:
    """The event streams of one app in this process.

    One thread looks after all of them: as a timer of each they would take 3 % of a core for
    400 idle ones.
    """

    def __init__(self, options: BroadcastOptions) -> None:
        self._cap = options.max_queue
        self._most = options.max_streams
        self._heartbeat = min(_HEARTBEAT, options.activity_timeout / 2)
        self._open: set[StreamOutbox] = set()
        self._looking = False
        self._lock = threading.Lock()

    def refusal(self, server: Server, address: str) -> str | None:
        """Why one more of a client cannot be taken now; None where it can."""
        return _FULL if len(self._open) >= self._most else server.refusal(address)

    def response(self, server: Server, listener: Listener) -> Response:
        return Response(self._stream(server, listener), headers=_HEADERS)

    def _stream(self, server: Server, listener: Listener) -> Iterator[bytes]:
        if listener.sock is not None:
            give_up_on_silence(listener.sock)
        places = Places(listener.socket_id, list(listener.leaves), listener.last_id)
        outbox = StreamOutbox(listener.sock, self._cap, server.dropped)
        with self._looked_after(outbox) as taken:
            # Others may have come since the request did: the app's callbacks take their time.
            full = server.refusal(listener.address) if taken else _FULL
            if full:
                yield _refusal(full)
                return
            connection = server.open(outbox, listener.address, listener.socket_id)
            try:
                yield event_stream.retry(event_stream.CUT)
                yield event_stream.events(outbox.take(0) or b"", places)
                for _ in _speak_for(listener, connection, server, places):
                    while frames := outbox.take(0):
                        yield event_stream.events(frames, places)
                while (frames := outbox.take(self._heartbeat)) is not None:
                    connection.heard_at = time.monotonic()  # else it would hang in the last write
                    yield event_stream.events(frames, places) or event_stream.HEARTBEAT
            finally:
                server.lost(connection)

    @contextmanager
    def _looked_after(self, outbox: StreamOutbox) -> Iterator[bool]:
        """Whether there is room for one more."""
        with self._lock:
            taken = len(self._open) < self._most
            if taken:
                self._open.add(outbox)
            if taken and not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="rf-streams", daemon=True).start()
        try:
            yield taken
        finally:
            with self._lock:
                self._open.discard(outbox)

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK)
            with self._lock:
                outboxes = list(self._open)
                self._looking = bool(outboxes)
            if not outboxes:
                return
            for outbox in outboxes:
                outbox.look()


def refused(reason: str) -> Response:
    """A stream that ends at once. Any status but 200 would keep browsers from coming back."""
    return Response(_refusal(reason), headers=_HEADERS)


def _refusal(reason: str) -> bytes:
    told = event_stream.event(protocol.error(Code.OVER_CAPACITY, reason))
    return event_stream.retry(event_stream.CUT) + told


def _speak_for(
    listener: Listener, connection: Connection, server: Server, places: Places
) -> Iterator[None]:
    """Say what a socket's client would say to be signed in and subscribed.

    With a pause after each channel: the queue has room for what one gives back, not for all.
    """
    if listener.user is not None:
        server.hear(connection, _message("pusher:signin", listener.user))
    for channel, leave in listener.leaves.items():
        if leave is None:
            reason = "the app does not let the user of this request in"
            connection.say(protocol.subscription_error(channel, "AuthError", reason, 403))
            yield
            continue
        if "channel_data" in leave:
            user_id = json.loads(leave["channel_data"])["user_id"]
            connection.say(protocol.member_is_you(channel, user_id))
        fields = {"channel": channel, **leave, "recover": places.recover(channel)}
        server.hear(connection, _message("pusher:subscribe", fields))
        yield


def _message(event: str, data: Mapping[str, Any]) -> str:
    return json.dumps({"event": event, "data": data})
