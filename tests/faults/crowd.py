"""A process of many clients that lose their connections, come back and recover.

    python -m tests.faults.crowd PORT CHANNEL COUNT

It is told what to do line by line: ``cut N`` cuts the connections of N subscribers, once there are
so many, and says so; ``hunt N`` cuts one client's N times, whenever it is back; ``end FILE``, once
that is done and everybody has heard the last number of ``FILE`` (a JSON list of those that were
acknowledged, and one of those of which nobody knows), has it say what was wrong, as JSON, and end.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import random  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.fileobject import FileObject  # noqa: E402

_PATIENCE = 60.0  # seconds for the last number to reach everybody
MISSED = None  # stands, in what a client has heard, for the word that it may have missed something


class Lost(Exception):
    """The connection has ended."""


class Client:
    """
    :ivar heard: numbers, and :data:`MISSED`.
    :ivar recoveries: how often it was given back what it had missed.
    :ivar subscribed: by the connection it has now.
    """

    def __init__(self, port: int, channel: str) -> None:
        self._port = port
        self._channel = channel
        self._place: dict[str, Any] = {}
        self._sock: socket.socket | None = None
        self.heard: list[int | None] = []
        self.recoveries = 0
        self.subscribed = False

    def run(self) -> None:
        attempt = 0
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=30) as self._sock:
                    for message in _messages(self._sock, self._port):
                        attempt = 0
                        self._take(self._sock, message)
            except (OSError, Lost):
                attempt += 1
            self.subscribed = False
            gevent.sleep(random.random() * min(1.0, 0.1 * 2**attempt))

    def cut(self) -> None:
        assert self._sock is not None
        self.subscribed = False
        self._sock.close()

    def _take(self, sock: socket.socket, message: dict[str, Any]) -> None:
        event = message["event"]
        if event == "pusher:connection_established":
            since = {"recover": self._place} if "epoch" in self._place else {}
            _say(sock, "pusher:subscribe", {"channel": self._channel, **since})
            self._place["socket_id"] = json.loads(message["data"])["socket_id"]
        elif event == "pusher:ping":
            _say(sock, "pusher:pong", {})
        elif event == "message":
            self.heard.append(json.loads(message["data"]))
        elif event == "pusher_internal:subscription_succeeded":
            self.subscribed = True
            self.recoveries += message.get("recovered", False)
        elif event == "rf:missed":
            self.heard.append(MISSED)
        if "offset" in message:
            self._place |= {"epoch": message["epoch"], "offset": message["offset"]}

    def faults(self, acknowledged: list[int], unknown: set[int]) -> Iterator[str]:
        """What it should have heard and has not, or should not have and has."""
        numbers = [number for number in self.heard if number is not MISSED]
        if numbers != sorted(set(numbers)):
            yield f"out of order or twice: {_around(numbers)}"
        strange = set(numbers) - set(acknowledged) - unknown
        if strange:
            yield f"never sent: {sorted(strange)[:5]}"
        excused = self._excused(acknowledged[-1])
        missing = [n for n in acknowledged if n not in set(numbers) and n not in excused]
        if missing:
            yield f"not heard, and not told of: {missing[:10]} of {len(missing)}"

    def _excused(self, last: int) -> set[int]:
        """The numbers that it was told it may have missed."""
        excused: set[int] = set()
        for place, number in enumerate(self.heard):
            if number is MISSED:
                before = next((n for n in reversed(self.heard[:place]) if n is not MISSED), 0)
                after = next((n for n in self.heard[place:] if n is not MISSED), last + 1)
                excused.update(range(before + 1, after))
        return excused


def _around(numbers: list[int]) -> list[int]:
    at = next(i for i in range(1, len(numbers)) if numbers[i] <= numbers[i - 1])
    return numbers[max(0, at - 3) : at + 3]


def _messages(sock: socket.socket, port: int) -> Iterator[dict[str, Any]]:
    sock.sendall(
        b"GET /app/flask-rf?protocol=7 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" % port
    )
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock)
    if b" 101 " not in data.partition(b"\r\n")[0]:
        raise Lost
    data = data.partition(b"\r\n\r\n")[2]
    while True:
        start = 0
        while (frame := _frame_at(data, start)) is not None:
            opcode, payload, start = frame
            if opcode != 0x81:
                raise Lost
            yield json.loads(payload)
        data = data[start:] + _some(sock)


def _frame_at(data: bytes, start: int) -> tuple[int, bytes, int] | None:
    """A server's frame, unmasked: opcode, payload and where the next one begins."""
    if len(data) < start + 2:
        return None
    size, begin = data[start + 1], start + 2
    if size > 125:
        width = 2 if size == 126 else 8
        size, begin = int.from_bytes(data[begin : begin + width], "big"), begin + width
    end = begin + size
    return (data[start], data[begin:end], end) if len(data) >= end else None


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise Lost
    return data


def _say(sock: socket.socket, event: str, data: Any) -> None:
    payload = json.dumps({"event": event, "data": data}).encode()
    size = b"\xfe" + len(payload).to_bytes(2, "big")
    if len(payload) < 126:
        size = bytes((0x80 | len(payload),))
    sock.sendall(b"\x81" + size + bytes(4) + payload)  # a mask of zeros changes nothing


def main() -> None:
    port, channel, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    clients = [Client(port, channel) for _ in range(count)]
    for client in clients:
        gevent.spawn(client.run)
    _wait(lambda: all(client.subscribed for client in clients))
    print("ready", flush=True)
    hunt = gevent.spawn(lambda: 0)
    for line in FileObject(sys.stdin.fileno(), "r"):
        command, _, argument = line.strip().partition(" ")
        if command == "cut":
            _cut(clients, int(argument))
        elif command == "hunt":
            hunt = gevent.spawn(_hunt, clients[0], int(argument))
        else:
            hunt.join()
            _end(clients, *json.loads(Path(argument).read_text()))
            return


def _hunt(client: Client, times: int) -> None:
    for _ in range(times):
        _wait(lambda: client.subscribed)
        client.cut()


def _cut(clients: list[Client], count: int) -> None:
    def subscribers() -> list[Client]:
        return [client for client in clients if client.subscribed]

    _wait(lambda: len(subscribers()) >= count)
    for client in random.sample(subscribers(), count):
        client.cut()
    print("cut", flush=True)


def _end(clients: list[Client], acknowledged: list[int], unknown: list[int]) -> None:
    last = acknowledged[-1]
    _wait(lambda: all(client.subscribed and last in client.heard[-5:] for client in clients))
    print(json.dumps(_report(clients, acknowledged, set(unknown))), flush=True)


def _wait(condition: Any) -> None:
    with gevent.Timeout(_PATIENCE, False):
        while not condition():
            gevent.sleep(0.05)


def _report(clients: list[Client], acknowledged: list[int], unknown: set[int]) -> dict[str, Any]:
    return {
        "faults": [fault for client in clients for fault in client.faults(acknowledged, unknown)],
        "told": sum(MISSED in client.heard for client in clients),
        "recoveries": sum(client.recoveries for client in clients),
        "of the hunted": clients[0].recoveries,
        "heard": sum(len(client.heard) for client in clients),
    }


if __name__ == "__main__":
    main()
