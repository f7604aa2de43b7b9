"""A Pusher client of few words, to talk to real servers with."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from typing import ClassVar
from urllib.parse import urlencode

import websocket


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
        self._ws = websocket.create_connection(url, timeout=10, **options)
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
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def authorize(port: int, socket_id: str, channel: str, user: str) -> tuple[int, dict[str, str]]:
    form = urlencode({"socket_id": socket_id, "channel_name": channel}).encode()
    status, body = post(port, "/broadcasting/auth", form, **{"X-User": user})
    return status, json.loads(body) if status == 200 else {}


def send(port: int, channel: str, data: Any, **headers: str) -> int:
    """Have the app of :mod:`tests.apps.events` send a ``message``."""
    headers["Content-Type"] = "application/json"
    return post(port, f"/send/{channel}", json.dumps(data).encode(), **headers)[0]
