"""Many WebSocket clients in one process, which check that each gets the same bytes."""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import time
from contextlib import suppress
from typing import NamedTuple

_STAMP = re.compile(rb"sent\W+(\d{18})")
_BATCH = 100  # handshakes under way at once
_CHUNK = 262_144
_LOOK = 0.001  # seconds


class Dialect(NamedTuple):
    """How a library's sockets are opened.

    :param hello: what is said after the server's greeting, and answered with a message; if
        empty, nobody greets.
    """

    path: str
    hello: str = ""


def pusher(channel: str) -> Dialect:
    data = {"channel": channel, "auth": ""}
    subscribe = json.dumps({"event": "pusher:subscribe", "data": data})
    return Dialect("/app/flask-rf?protocol=7&client=bench&version=1", subscribe)


PLAIN = Dialect("/ws")
SOCKET_IO = Dialect("/socket.io/?EIO=4&transport=websocket", "40")


class Client:
    __slots__ = ("heard", "position", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.position = 0  # bytes of the stream that it has
        self.heard = 0  # messages of the stream that it has


class Stream:
    """The bytes that all clients are to get, as the first to get them has them."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ends: list[int] = []
        self.sent: list[int] = []

    def extend(self, data: bytes) -> None:
        self.data += data
        start = self.ends[-1] if self.ends else 0
        while (frame := _frame_at(self.data, start)) is not None:
            stamp = _STAMP.search(self.data, *frame)
            if stamp is None:
                raise AssertionError(f"not a message: {bytes(self.data[start:][:100])!r}")
            self.sent.append(int(stamp[1]))
            start = frame[1]
            self.ends.append(start)


class Swarm:
    """Clients of one server.

    :ivar latencies: seconds from publishing to a client's having the whole message, of each
        delivery since :meth:`restart`.
    """

    def __init__(self, port: int, dialect: Dialect) -> None:
        self._port = port
        self._dialect = dialect
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self.restart()

    def restart(self) -> None:
        """Begin a new count; everything published before has arrived."""
        self._stream = Stream()
        self._received = 0
        self.latencies: list[float] = []
        for client in self._clients.values():
            client.position = client.heard = 0

    def connect(self, count: int) -> None:
        while count:
            batch = [self._knock() for _ in range(min(count, _BATCH))]
            for sock in batch:
                self._enter(sock)
            count -= len(batch)

    def _knock(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        sock.sendall(_handshake(self._port, self._dialect))
        return sock

    def _enter(self, sock: socket.socket) -> None:
        greet(sock, self._dialect)
        sock.setblocking(False)
        self._clients[sock.fileno()] = Client(sock)
        self._epoll.register(sock, select.EPOLLIN)

    def read(self, seconds: float, timing: bool = False) -> None:
        """Take what there is, waiting at most so long for something."""
        # Clients are elsewhere in life: the server is not to pay for waking this process up
        # at each send, so it looks once a millisecond.
        time.sleep(min(_LOOK, seconds))
        for descriptor, _ in self._epoll.poll(max(seconds - _LOOK, 0)):
            client = self._clients[descriptor]
            with suppress(BlockingIOError):
                self._take(client, client.sock.recv(_CHUNK))
                if timing:
                    self._time(client)

    def _take(self, client: Client, data: bytes) -> None:
        if not data:
            raise AssertionError("the server closed a connection")
        stream = self._stream
        start, end = client.position, client.position + len(data)
        if end > len(stream.data):
            stream.extend(data[len(stream.data) - start :])
        if stream.data[start:end] != data:
            raise AssertionError(f"a client got something else: {data[:200]!r}")
        client.position = end
        self._received += len(data)

    def _time(self, client: Client) -> None:
        now, stream = time.monotonic_ns(), self._stream
        while client.heard < len(stream.ends) and stream.ends[client.heard] <= client.position:
            self.latencies.append((now - stream.sent[client.heard]) / 1e9)
            client.heard += 1

    def has(self, messages: int) -> bool:
        """Whether every client has got so many messages since :meth:`restart`."""
        stream = self._stream
        arrived = len(stream.ends) == messages and stream.ends[-1:] == [len(stream.data)]
        return arrived and self._received == len(stream.data) * len(self._clients)

    def read_until(self, messages: int, seconds: float = 60, timing: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while not self.has(messages):
            self.read(0.1, timing)
            if time.monotonic() > deadline:
                raise AssertionError(f"{messages} messages did not reach everybody")

    def close(self) -> None:
        for client in self._clients.values():
            client.sock.close()
        self._epoll.close()


class Stalled:
    """One more client, with little room for what it does not read.

    :param reads: whether it does read after all.
    """

    def __init__(self, port: int, dialect: Dialect, reads: bool) -> None:
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._sock.connect(("127.0.0.1", port))
        self._sock.sendall(_handshake(port, dialect))
        greet(self._sock, dialect)
        self._reads = reads

    def read(self) -> None:
        self._sock.setblocking(False)
        with suppress(BlockingIOError):
            while self._reads and self._sock.recv(_CHUNK):
                pass

    def was_closed(self) -> bool:
        """Whether the server gave it up with 4100, "try again"."""
        tail, self._reads = b"", False
        self._sock.settimeout(2)
        with suppress(OSError):
            while data := self._sock.recv(_CHUNK):
                tail = (tail + data)[-125:]
        return b"\x88" in tail and struct.pack(">H", 4100) in tail

    def close(self) -> None:
        self._sock.close()


def greet(sock: socket.socket, dialect: Dialect) -> None:
    """Read the handshake's end, and the conversation up to the first message."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += _exactly(sock, 1)
    if b" 101 " not in answer.partition(b"\r\n")[0]:
        raise AssertionError(f"no WebSocket: {answer!r}")
    if dialect.hello:
        _read_frame(sock)
        sock.sendall(_masked(dialect.hello.encode()))
        _read_frame(sock)


def _handshake(port: int, dialect: Dialect) -> bytes:
    return (
        f"GET {dialect.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


def _masked(payload: bytes) -> bytes:
    """A client's frame; a key of zeros leaves the payload as it is."""
    assert len(payload) < 126
    return bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def _read_frame(sock: socket.socket) -> bytes:
    head = _exactly(sock, 2)
    while (frame := _frame_at(head, 0)) is None:
        head += _exactly(sock, 1)
    return head[slice(*frame)]


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = sock.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise AssertionError("the server closed a connection")
    return data


def _frame_at(data: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Where the payload of a server's text frame begins and ends, if it is all there."""
    if len(data) < start + 2:
        return None
    if data[start] != 0x81:
        raise AssertionError(f"no text frame: {bytes(data[start:][:100])!r}")
    size, start = data[start + 1], start + 2
    if size > 125:
        width, code = (2, ">H") if size == 126 else (8, ">Q")
        if len(data) < start + width:
            return None
        (size,), start = struct.unpack_from(code, data, start), start + width
    return (start, start + size) if len(data) >= start + size else None
