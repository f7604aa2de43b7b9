"""Clients of few words, to talk to real servers with: by WebSocket, and by server-sent events."""

from __future__ import annotations

import json
import urllib.request
from contextlib import closing
from contextlib import suppress
from http.client import HTTPConnection
from http.client import HTTPSConnection
from socket import SHUT_RDWR
from ssl import SSLContext
from typing import Any
from typing import ClassVar
from urllib.parse import urlencode

import websocket

_PATIENCE = 30.0  # seconds; the first request may come before its worker is up


class Socket:
    """One connection to ``/app/<key>``; ``id`` is the socket id the server gave.

    All that a test opens are closed after it.
    """

    opened: ClassVar[list[Socket]] = []

    def __init__(
        self,
        port: int,
        path: str = "/app/flask-rf?protocol=7",
        scheme: str = "ws",
        **options: Any,
    ) -> None:
        self.port = port
        url = f"{scheme}://127.0.0.1:{port}{path}"
        self._ws = websocket.create_connection(url, timeout=_PATIENCE, **options)
        self.opened.append(self)
        self.greeting = self.receive()
        data = self.greeting.get("data")
        self.id: str = data.get("socket_id", "") if isinstance(data, dict) else ""

    def send(self, event: str, data: Any = None, **keys: Any) -> None:
        self.send_text(json.dumps({"event": event, "data": data, **keys}))

    def send_text(self, text: str) -> None:
        self._ws.send(text)

    def receive(self) -> dict[str, Any]:
        """The next message, its ``data`` decoded."""
        text = self._ws.recv()
        assert text, "the server closed the connection"
        message: dict[str, Any] = json.loads(text)
        message["data"] = json.loads(message["data"])
        return message

    def until(self, event: str) -> dict[str, Any]:
        """The next message of that name; others are passed over."""
        while True:
            message = self.receive()
            if message["event"] == event:
                return message

    def have_patience(self, seconds: float) -> None:
        """Wait so long for messages, from now on."""
        self._ws.settimeout(seconds)

    def leave(self, code: int) -> None:
        """Send a close frame."""
        self._ws.send_close(code)

    def closed(self) -> int:
        """The code of the close frame that comes next, messages before it passed over."""
        while True:
            opcode, data = self._ws.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big")

    def subscribe(
        self, channel: str, user: str | None = None, since: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Join a channel, with the app's leave where ``user`` is given.

        :param since: the place up to which it was heard before.
        """
        fields: dict[str, Any] = {"channel": channel, **({"recover": since} if since else {})}
        if user is not None:
            status, leave = authorize(self.port, self.id, channel, user)
            assert status == 200
            fields.update(leave)
        self.send("pusher:subscribe", fields)
        return self.receive()

    def sign_in(self, user: str) -> dict[str, Any]:
        form = urlencode({"socket_id": self.id}).encode()
        status, body = post(self.port, "/broadcasting/user-auth", form, **{"X-User": user})
        assert status == 200
        self.send("pusher:signin", json.loads(body))
        return self.receive()

    def close(self) -> None:
        self._ws.close()

    def cut(self) -> None:
        """Drop the connection without a word."""
        if self._ws.sock is not None:
            self._ws.shutdown()


def post(port: int, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    """Status and body of an answer that ends."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    connection.request("GET", path, headers=headers)
    with closing(connection), connection.getresponse() as response:
        return response.status, response.read()


def authorize(port: int, socket_id: str, channel: str, user: str) -> tuple[int, dict[str, str]]:
    form = urlencode({"socket_id": socket_id, "channel_name": channel}).encode()
    status, body = post(port, "/broadcasting/auth", form, **{"X-User": user})
    return status, json.loads(body) if status == 200 else {}


def send(port: int, channel: str, data: Any, **headers: str) -> int:
    """Have the app of :mod:`tests.apps.events` send a ``message``."""
    headers["Content-Type"] = "application/json"
    return post(port, f"/send/{channel}", json.dumps(data).encode(), **headers)[0]


class Stream:
    """An ``EventSource`` of few words: the events of some channels.

    :param query: in place of the channels.
    :ivar id: the socket id the server gave.
    :ivar last_id: of the last event that had one; it is to be sent on coming back.
    :ivar retry: milliseconds after which the server wants us back.
    :ivar comments: how many comments have come.

    All that a test opens are closed after it.
    """

    opened: ClassVar[list[Stream]] = []

    def __init__(
        self,
        port: int,
        *channels: str,
        user: str = "",
        last_id: str = "",
        query: str = "",
        tls: SSLContext | None = None,
        **headers: str,
    ) -> None:
        self.port, self.last_id = port, last_id
        self.retry = self.comments = 0
        headers |= {"Accept": "text/event-stream"}
        headers |= {"X-User": user} if user else {}
        headers |= {"Last-Event-ID": last_id} if last_id else {}
        query = query or urlencode([("channel", name) for name in channels])
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        if tls is not None:
            self._connection = HTTPSConnection("127.0.0.1", port, timeout=_PATIENCE, context=tls)
        self._connection.request("GET", f"/broadcasting/sse?{query}", headers=headers)
        self._socket = self._connection.sock  # http.client forgets it where the server closes
        self.response = self._connection.getresponse()
        self.opened.append(self)
        assert self.response.status == 200, self.response.read()
        self.greeting = self.receive()
        data = self.greeting["data"]
        self.id: str = data.get("socket_id", "")

    def receive(self) -> dict[str, Any]:
        """The next message, its ``data`` decoded."""
        message = self.next()
        assert message is not None, "the server ended the stream"
        return message

    def next(self) -> dict[str, Any] | None:
        """The next message; None when the stream ends."""
        while line := self.response.readline().decode():
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "data":
                message: dict[str, Any] = json.loads(value)
                message["data"] = json.loads(message["data"])
                return message
            if field == "id":
                self.last_id = value
            elif field == "retry":
                self.retry = int(value)
            self.comments += line == ":\n"
        return None

    def until(self, event: str) -> dict[str, Any]:
        """The next message of that name; others are passed over."""
        while True:
            message = self.receive()
            if message["event"] == event:
                return message

    def cut(self) -> None:
        """Drop the connection without a word."""
        with suppress(OSError):
            self._socket.shutdown(SHUT_RDWR)
        self.response.close()
        self._connection.close()
