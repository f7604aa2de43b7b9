"""Real sockets: gunicorn's gevent workers, with and without Redis, and Flask's own server."""

from __future__ import annotations

import base64
import json
import socket
import struct
from collections.abc import Callable
from collections.abc import Iterator

import pytest
import websocket
from nacl.secret import SecretBox

from tests.broadcast.client import authorize
from tests.broadcast.client import send
from tests.broadcast.client import Socket
from tests.broadcast.servers import KINDS
from tests.broadcast.servers import served
from tests.broadcast.servers import Server
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers

NONCE = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
COUNTED = "pusher_internal:subscription_count"
SUBSCRIBED = "pusher_internal:subscription_succeeded"
SMALL = {
    "BROADCAST_MAX_QUEUE": "200000",
    "BROADCAST_MAX_MEMBERS": "3",
    "BROADCAST_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
}


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with served(request.param, tmp_path_factory.mktemp("server"), **SMALL) as running:
        yield running


@pytest.fixture
def sockets(server: Server) -> list[Socket]:
    """Four connections, so that two workers have some each."""
    return [Socket(server.port) for _ in range(4)]


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A presence channel of the test's own: former tests' sockets may leave theirs late."""
    return f"presence-room.{request.node.originalname}"


def test_the_greeting_names_the_socket(server: Server) -> None:
    greeting = Socket(server.port).greeting
    assert greeting["event"] == "pusher:connection_established"
    assert greeting["data"]["activity_timeout"] == 120
    left, right = greeting["data"]["socket_id"].split(".")
    assert left.isdigit() and right.isdigit()


def test_an_event_reaches_every_subscriber_of_a_public_channel(
    server: Server, sockets: list[Socket]
) -> None:
    for each in sockets:
        assert each.subscribe("chat")["event"] == SUBSCRIBED
    assert send(server.port, "chat", {"text": "hällo"}) == 204
    for each in sockets:
        event = each.receive()
        assert (event["event"], event["channel"], event["data"]) == (
            "message",
            "chat",
            {"text": "hällo"},
        )


def test_events_come_in_the_order_they_were_sent(server: Server, sockets: list[Socket]) -> None:
    for each in sockets:
        each.subscribe("counted")
    for number in range(100):
        send(server.port, "counted", number)
    for each in sockets:
        assert [each.receive()["data"] for _ in range(100)] == list(range(100))


def test_the_sender_may_be_left_out(server: Server, sockets: list[Socket]) -> None:
    for each in sockets:
        each.subscribe("others")
    send(server.port, "others", "first", **{"X-Socket-ID": sockets[0].id})
    send(server.port, "others", "second")
    assert [each.receive()["data"] for each in sockets] == ["second", *["first"] * 3]


def test_a_private_channel_is_for_those_the_app_lets_in(
    server: Server, sockets: list[Socket]
) -> None:
    ann, bob, *_ = sockets
    assert ann.subscribe("private-orders.ann", "ann")["event"].endswith("succeeded")
    assert authorize(server.port, bob.id, "private-orders.ann", "bob")[0] == 403
    _, leave = authorize(server.port, ann.id, "private-orders.ann", "ann")
    bob.send("pusher:subscribe", {"channel": "private-orders.ann", **leave})
    assert bob.receive()["event"] == "pusher:subscription_error"
    send(server.port, "private-orders.ann", "secret")
    assert ann.receive()["data"] == "secret"


def test_a_presence_channel_tells_who_is_here_who_comes_and_who_goes(
    server: Server, sockets: list[Socket], room: str
) -> None:
    ann, bob, again, _ = sockets
    ann.subscribe(room, "ann")
    presence = bob.subscribe(room, "bob")["data"]["presence"]
    assert presence == {
        "ids": ["ann", "bob"],
        "hash": {"ann": {"name": "Ann"}, "bob": {"name": "Bob"}},
        "count": 2,
    }
    assert ann.receive()["data"] == {"user_id": "bob", "user_info": {"name": "Bob"}}
    again.subscribe(room, "bob")
    bob.send("pusher:unsubscribe", {"channel": room})
    again.cut()
    gone = ann.receive()
    assert (gone["event"], gone["data"]) == ("pusher_internal:member_removed", {"user_id": "bob"})


def test_word_of_a_former_sockets_leave_does_not_remove_who_is_back(
    server: Server, sockets: list[Socket], room: str
) -> None:
    watcher, old, new, _ = sockets
    watcher.subscribe(room, "watcher")
    for _ in range(10):  # reloads: the leave and the join race
        old.subscribe(room, "ann")
        old.cut()
        assert "ann" in new.subscribe(room, "ann")["data"]["presence"]["ids"]
        send(server.port, room, "end")
        assert new.receive()["event"] != "pusher_internal:member_removed"
        new.cut()
        old, new = Socket(server.port), Socket(server.port)


def test_a_client_event_reaches_the_others_but_not_its_sender(
    server: Server, sockets: list[Socket], room: str
) -> None:
    ann, bob, *_ = sockets
    ann.subscribe(room, "ann"), bob.subscribe(room, "bob")
    ann.until("pusher_internal:member_added")
    ann.send("client-typing", {"on": True}, channel=room)
    heard = bob.until("client-typing")  # that ann came may be on its way still
    assert (heard["event"], heard["user_id"], heard["data"]) == (
        "client-typing",
        "ann",
        {"on": True},
    )
    ann.send("pusher:ping", {})
    assert ann.receive()["event"] == "pusher:pong"


def test_a_signed_in_user_is_reached_on_every_socket(server: Server, sockets: list[Socket]) -> None:
    ann, again, bob, _ = sockets
    for each in (ann, again):
        assert each.sign_in("ann")["event"] == "pusher:signin_success"
        each.send("pusher:subscribe", {"channel": "#server-to-user-ann"})
        assert each.receive()["event"].endswith("succeeded")
    bob.sign_in("bob")
    bob.send("pusher:subscribe", {"channel": "#server-to-user-ann"})
    assert bob.receive()["event"] == "pusher:subscription_error"
    assert send(server.port, "%23server-to-user-ann", "for you") == 204
    assert [each.receive()["data"] for each in (ann, again)] == ["for you"] * 2


def test_followers_hear_who_comes_online_and_goes(server: Server, sockets: list[Socket]) -> None:
    fan, star, again, _ = sockets
    fan.sign_in("fan-of-star")  # whom the app lets follow "star"
    star.sign_in("star")
    assert fan.receive()["data"] == {"events": [{"name": "online", "user_ids": ["star"]}]}
    again.sign_in("star")
    late = Socket(server.port)
    late.sign_in("fan-of-star")
    assert late.receive()["data"] == {"events": [{"name": "online", "user_ids": ["star"]}]}
    star.cut(), again.cut()
    for each in (fan, late):
        heard = each.receive()["data"]["events"][0]
        while heard["name"] == "online":  # said again where the sign-ins crossed
            heard = each.receive()["data"]["events"][0]
        assert heard == {"name": "offline", "user_ids": ["star"]}


def test_a_forged_sign_in_ends_the_connection(server: Server) -> None:
    forger = Socket(server.port)
    forger.send("pusher:signin", {"auth": "flask-rf:00", "user_data": '{"id":"ann"}'})
    assert forger.closed() == 4009


def test_a_cache_channel_gives_late_comers_its_last_event(
    server: Server, sockets: list[Socket]
) -> None:
    early, late, *_ = sockets
    assert early.subscribe("cache-news")["event"].endswith("succeeded")
    assert early.receive()["event"] == "pusher:cache_miss"
    send(server.port, "cache-news", "one"), send(server.port, "cache-news", "two")
    assert [early.receive()["data"] for _ in range(2)] == ["one", "two"]
    assert late.subscribe("cache-news")["event"].endswith("succeeded")
    last = late.receive()
    assert (last["event"], last["data"]) == ("message", "two")


def test_an_encrypted_event_is_read_by_members_alone(server: Server, sockets: list[Socket]) -> None:
    ann, *_ = sockets
    channel = "private-encrypted-orders.ann"
    _, leave = authorize(server.port, ann.id, channel, "ann")
    secret = base64.b64decode(leave["shared_secret"])
    ann.send("pusher:subscribe", {"channel": channel, "auth": leave["auth"]})
    assert ann.receive()["event"].endswith("succeeded")
    send(server.port, channel, "for ann's eyes")
    sealed = ann.receive()["data"]
    nonce, ciphertext = (base64.b64decode(sealed[part]) for part in ("nonce", "ciphertext"))
    assert json.loads(SecretBox(secret).decrypt(ciphertext, nonce)) == "for ann's eyes"


def test_a_presence_channel_has_room_for_so_many(
    server: Server, sockets: list[Socket], room: str
) -> None:
    for number, each in enumerate(sockets[:3]):
        each.subscribe(room, f"user{number}")
    refused = sockets[3].subscribe(room, "user3")
    assert refused["event"] == "pusher:subscription_error"
    assert refused["data"]["type"] == "LimitReached"


def test_after_unsubscribing_nothing_comes(server: Server, sockets: list[Socket]) -> None:
    quiet, loud, *_ = sockets
    quiet.subscribe("left"), loud.subscribe("left")
    quiet.send("pusher:unsubscribe", {"channel": "left"})
    quiet.send("pusher:ping", {})
    assert quiet.receive()["event"] == "pusher:pong"
    send(server.port, "left", "hi")
    assert loud.receive()["data"] == "hi"
    quiet.send("pusher:ping", {})
    assert quiet.receive()["event"] == "pusher:pong"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/app/other?protocol=7", 4001),
        ("/app/flask-rf?protocol=4", 4007),
        ("/app/flask-rf?protocol=8", 4007),
        ("/app/flask-rf", 4008),
    ],
)
def test_who_cannot_be_served_is_told_why(server: Server, path: str, code: int) -> None:
    refused = Socket(server.port, path)
    assert refused.greeting["event"] == "pusher:error"
    assert refused.greeting["data"]["code"] == code
    assert refused.closed() == code


def test_a_close_is_answered_and_frees_the_channel(server: Server, room: str) -> None:
    leaving = Socket(server.port)
    leaving.subscribe(room, "cat")
    leaving.leave(1001)
    assert leaving.closed() == 1001
    staying = Socket(server.port)
    ids = staying.subscribe(room, "ann")["data"]["presence"]["ids"]
    assert ids in (["ann"], ["cat", "ann"])
    if "cat" in ids:
        staying.until("pusher_internal:member_removed")


def test_a_message_over_the_limit_ends_the_connection_alone(
    server: Server, sockets: list[Socket]
) -> None:
    sockets[0].send_text("x" * 20_000)
    assert sockets[0].closed() == 1009
    assert sockets[1].subscribe("chat")["event"].endswith("succeeded")


def test_a_frame_without_mask_is_a_protocol_error(server: Server) -> None:
    rude = Socket(server.port)
    rude._ws.sock.sendall(b"\x81\x02{}")
    assert rude.closed() == 1002


def test_compression_is_not_agreed_to(server: Server) -> None:
    wanting = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/app/flask-rf?protocol=7",
        header=["Sec-WebSocket-Extensions: permessage-deflate"],
        timeout=5,
    )
    assert "sec-websocket-extensions" not in wanting.headers
    assert json.loads(wanting.recv())["event"] == "pusher:connection_established"
    wanting.shutdown()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://[", "127.0.0.1"])
def test_a_page_of_a_foreign_site_may_not_connect(server: Server, origin: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Socket(server.port, origin=origin)
    assert refused.value.status_code == 403


def test_a_page_of_this_site_may_connect(server: Server) -> None:
    assert Socket(server.port, origin=f"http://127.0.0.1:{server.port}").id


def test_what_a_proxy_passes_on_without_its_upgrade_is_a_bad_request(server: Server) -> None:
    request = f"GET /app/flask-rf?protocol=7 HTTP/1.0\r\nHost: a\r\n{NONCE}"
    request += "Sec-WebSocket-Version: 13\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
        peer.sendall(request.encode())
        assert peer.recv(1000).split(b" ")[1] == b"400"  # as troubleshooting.rst has it


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", b"400"),
        ("GET", "Sec-WebSocket-Version: 13\r\n", b"400"),
        ("GET", f"Sec-WebSocket-Version: 8\r\n{NONCE}", b"426"),
        ("HEAD", f"Sec-WebSocket-Version: 13\r\n{NONCE}", b"405"),
    ],
)
def test_what_is_no_handshake_gets_its_status(
    server: Server, method: str, headers: str, status: bytes
) -> None:
    request = f"{method} /app/flask-rf?protocol=7 HTTP/1.1\r\nHost: a\r\n{headers}"
    request += "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
        peer.sendall(request.encode())
        assert peer.recv(1000).split(b" ")[1] == status


def test_a_reader_that_stalls_is_closed_and_delays_nobody(
    server: Server, sockets: list[Socket]
) -> None:
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    stalled.connect(("127.0.0.1", server.port))
    handshake = "GET /app/flask-rf?protocol=7 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    handshake += f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{NONCE}\r\n"
    stalled.sendall(handshake.encode())
    _read_up_to(stalled, b"connection_established")
    message = json.dumps({"event": "pusher:subscribe", "data": {"channel": "heavy"}}).encode()
    masked = bytes((0x81, 0x80 | len(message))) + b"\0\0\0\0" + message
    stalled.sendall(masked)
    _read_up_to(stalled, SUBSCRIBED.encode())
    reader = sockets[0]
    reader.subscribe("heavy")
    for number in range(80):
        assert send(server.port, "heavy", [number, "x" * 90_000]) == 204
        assert reader.receive()["data"][0] == number
    reason = b"this connection reads too slowly"
    close = bytes((0x88, 2 + len(reason))) + struct.pack(">H", 4100) + reason
    assert _read_to_the_end(stalled).endswith(close)


def test_more_connections_than_a_worker_takes_are_told_to_come_back(
    serve: Callable[..., Gunicorn],
) -> None:
    server = serve(BROADCAST_MAX_CONNECTIONS="3", BROADCAST_MAX_CONNECTIONS_PER_ADDRESS="2")
    first, _ = Socket(server.port), Socket(server.port)
    refused = Socket(server.port)
    assert refused.greeting["data"]["code"] == 4100
    assert "your address" in refused.greeting["data"]["message"]
    first.cut()
    wait_until(lambda: Socket(server.port).id)


def test_subscribers_are_told_how_many_they_are_over_all_workers(
    redis_server: RedisProcess, serve: Callable[..., Gunicorn]
) -> None:
    settings = {"REDIS_URL": redis_server.url, "BROADCAST_SUBSCRIPTION_COUNT": "true"}
    server = serve("--workers", "2", **settings)
    crowd = [Socket(server.port) for _ in range(6)]
    for each in crowd:
        each.subscribe("crowded")
    for each in crowd:
        while each.until(COUNTED)["data"]["subscription_count"] < 6:
            pass
    crowd[0].cut()
    while (counted := crowd[1].until(COUNTED)["data"]) == {"subscription_count": 6}:
        pass  # told again, since two came at once
    assert counted == {"subscription_count": 5}


def test_idle_sockets_hold_no_slot_of_the_server(serve: Callable[..., Gunicorn]) -> None:
    server = serve("--worker-connections", "5")
    crowd = [Socket(server.port) for _ in range(30)]
    for each in crowd:
        each.subscribe("chat")
    assert server.get("/")[0] == 200
    send(server.port, "chat", "hi")
    assert [each.receive()["data"] for each in crowd] == ["hi"] * 30


def test_a_silent_client_is_pinged_and_then_told_to_come_back(
    serve: Callable[..., Gunicorn],
) -> None:
    server = serve(app="tests.apps.impatient:app")
    silent, lively = Socket(server.port), Socket(server.port)
    for each in (silent, lively):
        assert each.receive()["event"] == "pusher:ping"
    lively.send("pusher:pong", {})
    assert silent.closed() == 4201
    assert lively.receive()["event"] == "pusher:ping"


def test_losing_redis_is_told_to_every_socket_and_so_is_its_return(
    serve: Callable[..., Gunicorn], own_redis: RedisProcess, room: str
) -> None:
    server = serve("--workers", "2", REDIS_URL=own_redis.url)
    crowd = [Socket(server.port) for _ in range(4)]
    for number, each in enumerate(crowd):
        each.subscribe(room, f"user{number}")
    own_redis.kill()
    for each in crowd:
        each.until("rf:interrupted")
    assert server.get("/")[0] == 200
    assert send(server.port, "chat", "lost") == 503
    newcomer = Socket(server.port)
    assert newcomer.receive()["event"] == "rf:interrupted"
    told = newcomer.subscribe(room, "late")
    if told["event"] == "rf:interrupted":  # said again: it came while everybody was told
        told = newcomer.receive()
    assert told["event"] == SUBSCRIBED
    own_redis.start()
    for each in [*crowd, newcomer]:
        each.until("rf:resumed")
    everybody = {"user0", "user1", "user2", "user3", "late"}
    last = Socket(server.port)
    wait_until(lambda: _present(last, room) == everybody, what="everybody is back on the list")
    assert send(server.port, room, "back") == 204
    for each in [*crowd, newcomer]:
        assert each.until("message")["data"] == "back"
    assert 1 <= server.output().count("lost Redis") <= 2


def _read_up_to(peer: socket.socket, text: bytes) -> None:
    seen = b""
    peer.settimeout(30)
    while text not in seen:
        seen += peer.recv(4096) or pytest.fail(f"closed without {text!r}")


def _read_to_the_end(peer: socket.socket) -> bytes:
    """The last bytes a peer gets to see."""
    tail = b""
    with peer:
        while chunk := peer.recv(1_000_000):
            tail = (tail + chunk)[-100:]
    return tail


def _present(watcher: Socket, room: str) -> set[str]:
    watcher.send("pusher:unsubscribe", {"channel": room})
    _, leave = authorize(watcher.port, watcher.id, room, "user0")
    watcher.send("pusher:subscribe", {"channel": room, **leave})
    succeeded = watcher.until(SUBSCRIBED)
    return set(succeeded["data"]["presence"]["ids"])
