"""How bytes come in: a descriptor watched from gevent's loop, or a thread that reads.

flask-sock does the route and the handshake; from then on simple-websocket's socket is
ours, since its ``send`` writes partially under gevent and its reader would be a second
owner of the bytes.
"""

from __future__ import annotations

import _socket
import logging
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .connection import Connection
from .outbox import EventedOutbox
from .outbox import ThreadedOutbox
from .server import Server
from .wire import Wire

logger = logging.getLogger("flask_rf.broadcast")

_READ = 1  # libev's EV_READ
_CHUNK = 16384  # bytes read in one go
_BACKLOG = 16  # chunks of one socket that may wait before it is not read any more
_LAST_WORDS = 1.0  # seconds a thread waits for its last bytes to be taken
_UNACKNOWLEDGED = 30_000  # milliseconds after which unacknowledged bytes end a connection
_WORKERS = 32  # greenlets that parse and answer, so that the hub never blocks


class NoReader:
    """In place of simple-websocket's reader thread."""

    name = "rf-no-reader"

    def __init__(self, target: Callable[[], None]) -> None:
        pass

    def start(self) -> None:
        pass


def hands_over(environ: dict[str, Any]) -> bool:
    """Whether the server lets a view have the connection, in a way that simple-websocket knows."""
    known = ("werkzeug.socket", "gunicorn.socket", "eventlet.input")
    by_gevent = environ.get("SERVER_SOFTWARE", "").startswith("gevent")
    return by_gevent or any(name in environ for name in known)


def detachable(environ: dict[str, Any]) -> bool:
    """Whether the socket can leave its server: without TLS, under gunicorn's gevent worker."""
    sock = environ.get("gunicorn.socket")
    if sock is None or isinstance(sock, ssl.SSLSocket):
        return False
    from gevent.socket import socket as gevent_socket

    return isinstance(sock, gevent_socket)


def detach(server: Server, wire: Wire, sock: Any, address: str, cap: int) -> None:
    """Take the descriptor over and watch it; the request that brought it may end.

    ``detach`` and not ``dup``: libev would keep the duplicate's registration and rebuild
    its set for every new socket, and the worker could still write into the WebSocket.

    :param address: the client's.
    :param cap: bytes that may wait for a slow reader.
    """
    plain = _socket.socket(fileno=sock.detach())
    plain.setblocking(False)
    give_up_on_silence(plain)
    Detached(server, wire, plain, address, cap)


def serve(server: Server, wire: Wire, sock: Any, address: str, cap: int) -> None:
    """Read a socket until it ends, in the thread or greenlet of its request."""
    give_up_on_silence(sock)
    outbox = ThreadedOutbox(sock, cap, server.dropped)
    connection = server.open(outbox, address)
    try:
        with suppress(OSError):
            while data := sock.recv(_CHUNK):
                if not server.receive(connection, wire.feed(data)):
                    break
        outbox.finish()
        outbox.join(_LAST_WORDS)
    finally:
        server.lost(connection)


def give_up_on_silence(sock: Any) -> None:
    """Have the kernel drop a peer that acknowledges nothing: its machine is gone."""
    if hasattr(_socket, "TCP_USER_TIMEOUT"):
        with suppress(OSError):  # a unix socket
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED)


class Detached:
    """A socket in gevent's loop: while idle it costs no greenlet and no server slot."""

    __slots__ = (
        "_busy",
        "_connection",
        "_inbox",
        "_outbox",
        "_reader",
        "_server",
        "_sock",
        "_wire",
    )

    def __init__(self, server: Server, wire: Wire, sock: Any, address: str, cap: int) -> None:
        from gevent import get_hub

        loop = get_hub().loop
        self._server = server
        self._wire = wire
        self._sock = sock
        self._inbox: list[bytes] = []  # mostly empty, and an empty deque is 700 bytes more
        self._busy = False
        self._reader: Any = loop.io(sock.fileno(), _READ)
        self._outbox = EventedOutbox(sock, loop, cap, server.dropped)
        self._connection: Connection = server.open(self._outbox, address)
        self._reader.start(self._readable)

    def _readable(self) -> None:
        """Called by the hub: reads, and leaves the rest to a worker."""
        try:
            data = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._inbox.append(data)
        if not data or len(self._inbox) >= _BACKLOG:
            self._reader.stop()
        if not self._busy:
            self._busy = True
            _workers().put(self.work)

    def work(self) -> None:
        """Answer what has been read, in order."""
        try:
            while self._inbox:
                data = self._inbox.pop(0)
                if not data or not self._server.receive(self._connection, self._wire.feed(data)):
                    self._end()
                    return
        except Exception:
            logger.exception("a message could not be handled; its socket is closed")
            self._end()
            return
        self._busy = False
        if not self._reader.active:
            self._reader.start(self._readable)

    def _end(self) -> None:
        self._reader.stop()
        self._reader.close()
        self._server.lost(self._connection)
        self._outbox.close()


class _Workers:
    """Greenlets of one process that work through what the hub's callbacks leave them."""

    def __init__(self) -> None:
        import gevent
        from gevent.queue import SimpleQueue

        self.pid = os.getpid()
        self._jobs: Any = SimpleQueue()
        for _ in range(_WORKERS):
            gevent.spawn(self._work)

    def put(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            self._jobs.get()()


_process_workers: _Workers | None = None


def _workers() -> _Workers:
    global _process_workers
    if _process_workers is None or _process_workers.pid != os.getpid():
        _process_workers = _Workers()
    return _process_workers
