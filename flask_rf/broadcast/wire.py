"""RFC 6455 on bytes: wsproto reads frames, finished frames are made here. No sockets.

An event is encoded once into a frame whose bytes go to every socket: a server's
frames are unmasked (RFC 6455, 5.1), so that they are the same for everybody.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from wsproto.connection import Connection
from wsproto.events import BytesMessage
from wsproto.events import CloseConnection
from wsproto.events import Ping
from wsproto.events import TextMessage
from wsproto.utilities import RemoteProtocolError

_TEXT, _CLOSE, _PING = 0x81, 0x88, 0x89
TEXT, CLOSE = 0x1, 0x8  # opcodes, without the bit that ends a message

NORMAL = 1000
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
TOO_BIG = 1009
_REFUSALS = {PROTOCOL_ERROR, 1007}  # wsproto's events for what is no frame, or no UTF-8


def text_frame(payload: bytes) -> bytes:
    """One finished, unmasked text frame."""
    return _frame(_TEXT, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; the reason is cut to the 123 bytes there is room for."""
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return _frame(_CLOSE, struct.pack(">H", code) + text)


def ping_frame() -> bytes:
    return _frame(_PING, b"")


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65536:
        return struct.pack(">BBH", opcode, 126, size) + payload
    return struct.pack(">BBQ", opcode, 127, size) + payload


def unframed(frames: bytes) -> Iterator[tuple[int, bytes]]:
    """Opcode and payload of each of some finished frames of ours."""
    start = 0
    while start < len(frames):
        head = start + 2
        size = frames[start + 1]
        if size == 126:
            (size,) = struct.unpack_from(">H", frames, head)
            head += 2
        elif size == 127:
            (size,) = struct.unpack_from(">Q", frames, head)
            head += 8
        yield frames[start] & 0x0F, frames[head : head + size]
        start = head + size


@dataclass(frozen=True)
class Text:
    """A whole text message."""

    text: str


@dataclass(frozen=True)
class Reply:
    """Bytes the protocol itself owes the peer."""

    data: bytes


@dataclass(frozen=True)
class Closed:
    """The conversation is over; ``reply`` is the close frame we still owe.

    By the peer's own close frame, or by our refusal of what it sent: then it may still
    be sending, and closing at once would take our close frame from it.
    """

    code: int
    reply: bytes
    by_peer: bool = False


Received = Text | Reply | Closed


class Wire:
    """Reads one connection's frames.

    :param connection: wsproto's, past its handshake, whose half of it is not kept.
    :param max_size: characters a message may have, whole or in fragments.
    """

    __slots__ = ("_connection", "_over", "_parts", "_size", "max_size")

    def __init__(self, connection: Connection, max_size: int) -> None:
        self._connection = connection
        self.max_size = max_size
        self._parts: list[str] = []
        self._size = 0
        self._over = False

    def feed(self, data: bytes) -> Iterator[Received]:
        """What the bytes amount to; nothing follows a :class:`Closed`."""
        if self._over:
            return
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                received = self._read(event)
                self._over = isinstance(received, Closed)
                if received is not None:
                    yield received
                if self._over:
                    return
        except RemoteProtocolError:
            self._over = True
            yield Closed(PROTOCOL_ERROR, close_frame(PROTOCOL_ERROR))

    def _read(self, event: object) -> Received | None:
        if isinstance(event, TextMessage):
            return self._collect(event)
        if isinstance(event, Ping):
            return Reply(self._connection.send(event.response()))
        if isinstance(event, BytesMessage):
            return Closed(UNSUPPORTED_DATA, close_frame(UNSUPPORTED_DATA, "text messages only"))
        if isinstance(event, CloseConnection):
            # 1005 means that the peer gave no code and is never sent (RFC 6455, 7.4.1).
            code = NORMAL if event.code == 1005 else event.code
            return Closed(code, close_frame(code), by_peer=code not in _REFUSALS)
        return None  # a pong: that bytes came at all has been noted

    def _collect(self, event: TextMessage) -> Received | None:
        self._size += len(event.data)
        if self._size > self.max_size:
            return Closed(TOO_BIG, close_frame(TOO_BIG, f"over {self.max_size} characters"))
        if event.data:  # else a peer could have us keep empty fragments without end
            self._parts.append(event.data)
        if not event.message_finished:
            return None
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        return Text(text)
