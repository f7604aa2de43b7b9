"""Whatever a client sends: the right answer, its memory given back, nobody else disturbed."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from tests.broadcast.client import authorize
from tests.broadcast.client import get
from tests.broadcast.client import send
from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.werkzeug import Werkzeug

pytestmark = pytest.mark.servers

APP = "tests.apps.events:app"
ROOM = "presence-room.calm"
HANDSHAKE = (
    b"GET /app/flask-rf?protocol=7 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
TEXT, CONTINUATION, CLOSE = 0x1, 0x0, 0x8
FINAL = 0x80
Server = Gunicorn | Werkzeug


@pytest.fixture(scope="module", params=["gevent", "threads"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    kind = Gunicorn if request.param == "gevent" else Werkzeug
    running = kind(APP, tmp_path_factory.mktemp("bad"))
    yield running
    output = running.output()
    running.stop()
    assert "Traceback" not in output, output


@pytest.fixture(autouse=True)
def bystander(server: Server) -> Iterator[Socket]:
    """Somebody else on the same server, who must notice nothing."""
    bystander = Socket(server.port)
    bystander.subscribe(ROOM, "bystander")
    yield bystander
    assert send(server.port, ROOM, "all is well") == 204
    assert bystander.until("message")["data"] == "all is well"


@pytest.fixture
def client(server: Server, bystander: Socket) -> Socket:
    return Socket(server.port)


def frame(head: int, payload: bytes, masked: bool = True) -> bytes:
    """:param head: opcode and flags."""
    mask = FINAL if masked else 0
    if len(payload) < 126:
        size = struct.pack(">B", mask | len(payload))
    else:
        size = struct.pack(">BQ", mask | 127, len(payload))
    return bytes((head,)) + size + (bytes(4) if masked else b"") + payload


def raw(client: Socket, data: bytes) -> None:
    client._ws.sock.sendall(data)


def still_works(client: Socket) -> bool:
    client.send("pusher:ping", {})
    return client.until("pusher:pong") is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 9000, "not JSON"),
        ("1" * 9000, "not JSON"),
        ("null", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{}", "'event'"),
        ('{"event":7}', "'event'"),
        ('{"event":"' + "x" * 201 + '"}', "'event'"),
        ('{"event":"pusher:ping","channel":["a"]}', "'channel'"),
        ('{"event":"pusher:subscribe"}', "'channel' is missing"),
        ('{"event":"pusher:subscribe","data":7}', "'channel' is missing"),
        ('{"event":"pusher:subscribe","data":{"channel":{}}}', "'channel' is missing"),
        ('{"event":"pusher:subscribe","data":"' + "[" * 9000 + '"}', "'channel' is missing"),
    ],
)
def test_what_is_no_message_is_answered_with_an_error(
    client: Socket, text: str, reason: str
) -> None:
    client.send_text(text)
    error = client.receive()
    assert (error["event"], error["data"]["code"]) == ("pusher:error", None)
    assert reason in error["data"]["message"]
    assert still_works(client)


@pytest.mark.parametrize(
    "event", ["pusher:unknown", "pusher_internal:member_removed", "rf:resumed", "orders", "\ud800"]
)
def test_an_event_that_means_nothing_here_is_ignored(client: Socket, event: str) -> None:
    client.send(event, {"user_id": "bystander"}, channel=ROOM)
    client.send("pusher:ping", {})
    assert client.receive()["event"] == "pusher:pong"


@pytest.mark.parametrize("name", ["", "a b", "ü", "x" * 201, "#control", "#online-ann", "a\n"])
def test_a_channel_named_against_the_rules_is_refused(client: Socket, name: str) -> None:
    refusal = client.subscribe(name)
    assert refusal["event"] == "pusher:subscription_error"
    assert refusal["data"]["status"] == 400
    assert still_works(client)


@pytest.mark.parametrize(
    "auth",
    ["", "flask-rf", "flask-rf:", "flask-rf:" + "0" * 64, "other:0", "\ud800:\ud800", None, 7],
)
def test_a_forged_signature_lets_nobody_in(client: Socket, auth: Any) -> None:
    client.send("pusher:subscribe", {"channel": "private-orders.ann", "auth": auth})
    refusal = client.receive()
    assert (refusal["event"], refusal["data"]["status"]) == ("pusher:subscription_error", 401)
    assert still_works(client)


def test_the_leave_given_to_another_socket_lets_nobody_in(
    client: Socket, bystander: Socket
) -> None:
    _, leave = authorize(client.port, bystander.id, "private-orders.ann", "ann")
    client.send("pusher:subscribe", {"channel": "private-orders.ann", **leave})
    assert client.receive()["event"] == "pusher:subscription_error"


def test_who_is_somebody_elses_cannot_be_claimed(client: Socket) -> None:
    _, leave = authorize(client.port, client.id, ROOM, "ann")
    claimed = leave["channel_data"].replace("ann", "bob")
    client.send("pusher:subscribe", {"channel": ROOM, **leave, "channel_data": claimed})
    assert client.receive()["event"] == "pusher:subscription_error"


@pytest.mark.parametrize("data", ['"\\ud800"', '{"\\udfff":1}', "NaN", '"\\u0000"'])
def test_a_strange_client_event_hurts_no_other_client(
    client: Socket, bystander: Socket, data: str
) -> None:
    client.subscribe(ROOM, "ann")
    client.send_text(f'{{"event":"client-x","channel":"{ROOM}","data":{data}}}')
    while '"client-x"' not in (text := bystander._ws.recv()):
        pass
    text.encode("utf-8")
    assert isinstance(json.loads(text)["data"], str)
    assert still_works(client)


def test_a_frame_of_ten_megabytes_is_refused_at_its_beginning(
    server: Server, client: Socket
) -> None:
    before = resident(server)
    for number in range(20):
        peer = client if number == 0 else Socket(server.port)
        with suppress(ConnectionError):  # it may be closed before all is sent
            raw(peer, frame(FINAL | TEXT, bytes(10_000_000)))
        peer.cut()
    assert resident(server) - before < 20_000_000


def test_a_frame_that_only_claims_to_be_large_takes_no_memory(
    server: Server, client: Socket
) -> None:
    before = resident(server)
    raw(client, frame(FINAL | TEXT, b"")[:1] + struct.pack(">BQ", FINAL | 127, 2**62) + bytes(4))
    raw(client, b"x" * 20_000)
    assert client.closed() == 1009
    assert resident(server) - before < 5_000_000


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(FINAL | TEXT, b"{}", masked=False), 1002),
        (frame(FINAL | 0x3, b""), 1002),
        (frame(FINAL | 0x40 | TEXT, b"{}"), 1002),
        (frame(FINAL | CONTINUATION, b"{}"), 1002),
        (frame(TEXT, b"{") + frame(FINAL | TEXT, b"}"), 1002),
        (frame(FINAL | TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xc3") + frame(FINAL | CONTINUATION, b"("), 1007),
        (frame(FINAL | 0x2, b"{}"), 1003),
        (frame(TEXT, b"x" * 50) + frame(CONTINUATION, b"x" * 50) * 200, 1009),
        (b"\x88\x81\0\0\0\0\x03", 1002),
        (b"\x81\xfe\0\x02\0\0\0\0{}", 1002),
    ],
    ids=[
        "without a mask",
        "of a reserved opcode",
        "with a reserved bit",
        "that continue nothing",
        "of a message within another",
        "without UTF-8",
        "without UTF-8 in two parts",
        "of bytes",
        "without end",
        "of half a close code",
        "with a length longer than it need be",
    ],
)
def test_frames_are_refused(client: Socket, frames: bytes, code: int) -> None:
    raw(client, frames)
    assert client.closed() == code


def test_half_a_handshake_keeps_nobody_out(server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    for peer in slow:
        peer.sendall(HANDSHAKE[:100])
    assert still_works(Socket(server.port))
    slow[0].sendall(HANDSHAKE[100:])
    slow[0].settimeout(30)
    answer = b""
    while b"connection_established" not in answer:
        answer += slow[0].recv(4096) or pytest.fail("its connection is closed")
    for peer in slow:
        peer.close()


def test_what_rude_clients_held_is_given_back(server: Server) -> None:
    def wave() -> int:
        for number in range(100):
            client = Socket(server.port)
            client.subscribe(f"rude-{number}")
            client.send_text("{" * (number * 90))
            raw(client, frame(TEXT, b"x" * 70_000)[:9_000])
            client.cut()
            if number % 10 == 9:  # how many are there at once must not depend on the machine
                wait_until(lambda: get(server.port, "/here")[1] == b"1")
        return resident(server)

    settled = [wave() for _ in range(2)][-1]
    assert wave() - settled < 3_000_000


def resident(server: Server) -> int:
    """Bytes of memory that the server's processes hold, once it has come to rest."""
    process = psutil.Process(server.process.pid)
    family = [process, *process.children(recursive=True)]
    sizes: list[int] = []

    def settled() -> bool:
        sizes.append(sum(each.memory_info().rss for each in family))
        return len(sizes) >= 10 and max(sizes[-10:]) - min(sizes[-10:]) < 100_000

    wait_until(settled)
    return sizes[-1]
