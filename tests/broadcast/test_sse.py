"""Server-sent events, over real servers: what sockets hear, to browsers without a socket."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import abort
from flask import Flask
from flask.testing import FlaskClient

from flask_rf import Broadcast
from flask_rf import RF
from tests.broadcast.client import get
from tests.broadcast.client import send
from tests.broadcast.client import Socket
from tests.broadcast.client import Stream
from tests.broadcast.servers import APP
from tests.broadcast.servers import KINDS
from tests.broadcast.servers import served
from tests.broadcast.servers import Server
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

SOON = {"BROADCAST_ACTIVITY_TIMEOUT": "1"}  # and a heartbeat every second
ROOM = "presence-room.sse"
SUBSCRIBED = "pusher_internal:subscription_succeeded"
REFUSED = "pusher:subscription_error"

servers = pytest.mark.servers


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with served(request.param, folder, BROADCAST_MAX_QUEUE="200000") as running:
        yield running


def listening(port: int, *channels: str, **options: Any) -> Stream:
    """A stream, once it has been let into all its channels."""
    stream = Stream(port, *channels, **options)
    for _ in channels:
        stream.until(SUBSCRIBED)
    return stream


def heard(stream: Stream, count: int) -> list[Any]:
    return [stream.until("message")["data"] for _ in range(count)]


# What a stream is


@servers
def test_the_greeting_names_the_socket_as_a_sockets_does(server: Server) -> None:
    stream = Stream(server.port, "chat")
    assert stream.greeting["event"] == "pusher:connection_established"
    assert stream.greeting["data"] == {"socket_id": stream.id, "activity_timeout": 120}
    assert 1000 <= stream.retry <= 5000


@servers
def test_nobody_is_to_keep_hold_back_or_encode_it(server: Server) -> None:
    headers = Stream(server.port, "chat").response.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-store, no-transform"
    assert headers["X-Accel-Buffering"] == "no"


@servers
def test_a_stream_hears_all_its_channels_and_no_others(server: Server) -> None:
    stream = listening(server.port, "chat", "news,local")
    for number, channel in enumerate(("other", "chat", "news,local", "chat")):
        send(server.port, channel, {"n": number, "text": "hällo\n\n"})
    messages = [stream.receive() for _ in range(3)]
    assert [each["channel"] for each in messages] == ["chat", "news,local", "chat"]
    assert [each["data"]["n"] for each in messages] == [1, 2, 3]
    assert messages[0]["data"]["text"] == "hällo\n\n"


@servers
def test_streams_and_sockets_hear_the_same_in_the_same_order(server: Server) -> None:
    streams = [listening(server.port, "both") for _ in range(3)]
    sockets = [Socket(server.port) for _ in range(3)]
    for each in sockets:
        each.subscribe("both")
    for number in range(50):
        send(server.port, "both", number)
    for each in sockets:
        assert [each.receive()["data"] for _ in range(50)] == list(range(50))
    for stream in streams:
        assert heard(stream, 50) == list(range(50))


@servers
def test_a_stream_is_left_out_by_its_socket_id(server: Server) -> None:
    mine, other = listening(server.port, "chat"), listening(server.port, "chat")
    send(server.port, "chat", "mine", **{"X-Socket-ID": mine.id})
    send(server.port, "chat", "theirs")
    assert (heard(mine, 1), heard(other, 2)) == (["theirs"], ["mine", "theirs"])


@servers
def test_channels_may_be_named_in_one_parameter(server: Server) -> None:
    stream = Stream(server.port, query="channels=one,,two,one")
    assert [stream.until(SUBSCRIBED)["channel"] for _ in range(2)] == ["one", "two"]
    send(server.port, "one", 1)
    assert stream.receive()["data"] == 1


@servers
def test_a_url_may_name_more_channels_than_gunicorn_takes_by_default(server: Server) -> None:
    names = [f"orders.{number:060}" for number in range(100)]
    listening(server.port, *names)


@servers
def test_a_stream_of_no_channels_is_a_mistake_unless_it_is_meant(server: Server) -> None:
    status, body = get(server.port, "/broadcasting/sse")
    assert status == 400 and b"?channels=orders,news" in body
    assert Stream(server.port, query="channels=").id


@servers
def test_a_stream_of_too_many_channels_is_refused(server: Server) -> None:
    many = ",".join(f"c{n}" for n in range(101))
    assert get(server.port, f"/broadcasting/sse?channels={many}")[0] == 400


# Who may hear


@servers
def test_a_private_channel_is_for_those_the_app_lets_in(server: Server) -> None:
    owner = listening(server.port, "private-orders.ann", user="ann")
    stranger = Stream(server.port, "private-orders.ann", "chat", user="bob")
    refusal = stranger.until(REFUSED)
    assert (refusal["channel"], refusal["data"]["status"]) == ("private-orders.ann", 403)
    assert stranger.until(SUBSCRIBED)["channel"] == "chat"
    send(server.port, "private-orders.ann", "secret")
    send(server.port, "chat", "for all")
    assert (heard(owner, 1), heard(stranger, 1)) == (["secret"], ["for all"])


@servers
def test_a_name_that_is_none_is_refused_beside_the_others(server: Server) -> None:
    stream = Stream(server.port, "two words", "a\nb", "chat")
    assert [stream.until(REFUSED)["data"]["type"] for _ in range(2)] == ["InvalidChannel"] * 2
    assert stream.receive()["channel"] == "chat"


@servers
def test_a_stream_is_a_member_of_its_presence_channels(server: Server) -> None:
    watcher, room = Socket(server.port), "presence-room.member"
    watcher.subscribe(room, "watcher")
    stream = Stream(server.port, room, user="ann")
    assert stream.receive() == {"event": "rf:me", "channel": room, "data": {"user_id": "ann"}}
    presence = stream.receive()["data"]["presence"]
    assert presence["hash"] == {"ann": {"name": "Ann"}, "watcher": {"name": "Watcher"}}
    added = watcher.until("pusher_internal:member_added")
    assert added["data"] == {"user_id": "ann", "user_info": {"name": "Ann"}}

    stream.cut()

    removed = watcher.until("pusher_internal:member_removed")
    assert removed["data"] == {"user_id": "ann"}


@servers
def test_members_come_and_go_before_a_streams_eyes(server: Server) -> None:
    stream, other = listening(server.port, ROOM, user="ann"), Socket(server.port)
    other.subscribe(ROOM, "bob")
    assert stream.until("pusher_internal:member_added")["data"]["user_id"] == "bob"
    other.send("client-typing", {"on": True}, channel=ROOM)
    whisper = stream.until("client-typing")
    assert (whisper["user_id"], whisper["data"]) == ("bob", {"on": True})
    other.cut()
    assert stream.until("pusher_internal:member_removed")["data"]["user_id"] == "bob"


@servers
def test_a_user_is_reached_on_a_stream_of_their_own(server: Server) -> None:
    personal = "#server-to-user-ann"
    stream = Stream(server.port, personal, user="ann")
    assert stream.receive()["event"] == "pusher:signin_success"
    assert stream.receive()["event"] == SUBSCRIBED
    assert Stream(server.port, personal, user="bob").until(REFUSED)["channel"] == personal
    assert Stream(server.port, personal).receive()["event"] == REFUSED
    send(server.port, "%23server-to-user-ann", "for you")
    assert heard(stream, 1) == ["for you"]


@servers
def test_a_cache_channel_gives_its_last_event(server: Server) -> None:
    send(server.port, "cache-sse", "latest")
    assert heard(listening(server.port, "cache-sse"), 1) == ["latest"]


# Coming back


@servers
def test_who_was_away_gets_what_was_sent_meanwhile_once_and_in_order(server: Server) -> None:
    first = listening(server.port, "log.sse", "chat", "log.other")
    for channel in ("log.sse", "chat", "log.other"):
        send(server.port, channel, 1)
    heard(first, 3)
    first.cut()
    staying = listening(server.port, "chat")
    for number in range(2, 5):
        send(server.port, "log.sse", number)
        send(server.port, "chat", "lost")
    assert heard(staying, 3) == ["lost"] * 3  # or the last might be on its way still

    back = Stream(server.port, "log.sse", "chat", "log.other", last_id=first.last_id)
    assert back.until(SUBSCRIBED)["recovered"] is True
    assert heard(back, 3) == [2, 3, 4]
    assert "recovered" not in back.until(SUBSCRIBED)
    assert back.until(SUBSCRIBED)["recovered"] is True
    send(server.port, "log.other", 2)
    while (message := back.receive())["channel"] == "chat":
        pass  # another worker may hear late of what this one has told
    assert message["data"] == 2


@servers
def test_a_client_that_opens_anew_names_the_last_event_in_the_query(server: Server) -> None:
    first = listening(server.port, "log.anew")
    first.cut()
    send(server.port, "log.anew", 1)
    back = Stream(server.port, query=f"channels=log.anew&lastEventID={first.last_id}")
    assert back.until(SUBSCRIBED)["recovered"] is True
    assert heard(back, 1) == [1]


@servers
def test_a_socket_and_a_stream_go_on_from_each_others_places(server: Server) -> None:
    first = Socket(server.port)
    here = first.subscribe("log.change")
    first.cut()
    send(server.port, "log.change", "mine", **{"X-Socket-ID": first.id})
    send(server.port, "log.change", 1)

    last_id = f"{first.id},{here['epoch']}:{here['offset']}"
    stream = Stream(server.port, "log.change", last_id=last_id)
    assert heard(stream, 1) == [1]
    stream.cut()
    send(server.port, "log.change", 2)

    socket_id, _, place = stream.last_id.partition(",")
    epoch, _, offset = place.partition(":")
    since = {"epoch": epoch, "offset": int(offset), "socket_id": socket_id}
    back = Socket(server.port)
    assert back.subscribe("log.change", since=since)["recovered"] is True
    assert back.receive()["data"] == 2


@servers
def test_ones_own_events_are_left_out_of_what_is_given_back(server: Server) -> None:
    first = listening(server.port, "log.own")
    first.cut()
    send(server.port, "log.own", "mine", **{"X-Socket-ID": first.id})
    send(server.port, "log.own", "theirs")
    assert heard(Stream(server.port, "log.own", last_id=first.last_id), 1) == ["theirs"]


@servers
def test_who_missed_too_much_is_told_so(server: Server) -> None:
    first = listening(server.port, "short.sse")
    first.cut()
    for number in range(300):
        send(server.port, "short.sse", number)
    back = Stream(server.port, "short.sse", last_id=first.last_id)
    assert back.until(SUBSCRIBED)["recovered"] is False
    assert back.receive()["event"] == "rf:missed"
    send(server.port, "short.sse", "new")
    assert back.receive()["data"] == "new"


@servers
def test_what_was_missed_on_many_channels_may_be_more_than_waits_for_one_reader(
    server: Server,
) -> None:
    channels = [f"log.much{n}" for n in range(4)]
    first = listening(server.port, *channels)
    first.cut()
    for channel in channels:
        for number in range(9):
            send(server.port, channel, [number, "x" * 10_000])  # of 200 kB that may wait
    back = Stream(server.port, *channels, last_id=first.last_id)
    for _ in channels:
        assert back.until(SUBSCRIBED)["recovered"] is True
        assert [number for number, _ in heard(back, 9)] == list(range(9))


@servers
@pytest.mark.parametrize("last_id", ["nonsense", "1.2,e:1", "1.2,,", "1.2,e:1,e:-1"])
def test_an_id_of_other_channels_is_answered_by_what_is_true(server: Server, last_id: str) -> None:
    stream = Stream(server.port, "log.x", "log.y", last_id=last_id)
    answers = [stream.until(SUBSCRIBED).get("recovered") for _ in range(2)]
    assert answers == ([None, None] if last_id == "1.2,," else [False, False])


# Limits


@servers
@pytest.mark.parametrize(
    "limit", ["MAX_CONNECTIONS", "MAX_STREAMS", "MAX_CONNECTIONS_PER_ADDRESS", "MAX_HANDSHAKES"]
)
def test_one_more_than_a_worker_takes_is_told_to_come_back(
    serve: Callable[..., Gunicorn], limit: str
) -> None:
    server = serve(**{f"BROADCAST_{limit}": "2"})

    def refused() -> Stream | None:
        stream = Stream(server.port, "chat")
        return stream if stream.greeting["event"] == "pusher:error" else None

    def crowd() -> list[Stream]:
        with ThreadPoolExecutor(4) as threads:  # at once: handshakes are counted by the second
            return [each for each in threads.map(lambda _: refused(), range(4)) if each]

    first, _ = Stream(server.port, "chat"), Stream(server.port, "chat")
    found: list[Stream] = []
    wait_until(lambda: found or found.extend(crowd()))
    assert found[0].greeting["data"]["code"] == 4100
    assert (found[0].next(), found[0].retry >= 1000) == (None, True)
    first.cut()
    wait_until(lambda: not refused())


@servers
def test_those_who_come_while_the_app_makes_up_its_mind_are_counted(
    serve: Callable[..., Gunicorn],
) -> None:
    server = serve(BROADCAST_MAX_STREAMS="2")
    with ThreadPoolExecutor(6) as threads:
        streams = list(
            threads.map(lambda _: Stream(server.port, "private-slow.ann", user="ann"), range(6))
        )
    events = [each.greeting["event"] for each in streams]
    assert events.count("pusher:connection_established") == 2
    assert events.count("pusher:error") == 4


@servers
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_foreign_sites_may_not_listen(server: Server, headers: dict[str, str]) -> None:
    assert get(server.port, "/broadcasting/sse?channels=chat", **headers)[0] == 403


@servers
def test_pages_of_this_site_may_listen(server: Server) -> None:
    for headers in ({"Origin": f"http://127.0.0.1:{server.port}"}, {"Sec-Fetch-Site": "none"}):
        assert Stream(server.port, "chat", **headers).id


@servers
def test_pages_of_named_sites_may_listen_and_read(serve: Callable[..., Gunicorn]) -> None:
    server = serve(BROADCAST_ORIGINS="https://shop.example")
    headers = Stream(server.port, "chat", Origin="https://shop.example").response.headers
    assert headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Access-Control-Allow-Credentials" not in headers


@servers
def test_a_reader_that_stalls_is_ended_and_delays_nobody(server: Server) -> None:
    reader = Socket(server.port)
    reader.subscribe("heavy")
    with stall(server.port) as stalled:
        for number in range(80):
            assert send(server.port, "heavy", [number, "x" * 90_000]) == 204
            assert reader.receive()["data"][0] == number
        seen = read_until(stalled, b"\r\n0\r\n\r\n")
    assert len(seen) < 80 * 90_000
    assert re.search(rb"\nretry: \d+\n\n\r\n0\r\n\r\n$", seen)


def stall(port: int) -> socket.socket:
    """A client of the channel ``heavy`` that reads no more once it has been let in."""
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    stalled.connect(("127.0.0.1", port))
    stalled.sendall(b"GET /broadcasting/sse?channels=heavy HTTP/1.1\r\nHost: a\r\n\r\n")
    assert SUBSCRIBED.encode() in read_until(stalled, SUBSCRIBED.encode())
    return stalled


def read_until(peer: socket.socket, end: bytes) -> bytes:
    """What a peer gets to see up to ``end``, or till the connection is closed."""
    seen = b""
    peer.settimeout(20)
    while end not in seen[-1_000_100:] and (chunk := peer.recv(1_000_000)):
        seen += chunk
    return seen


# Staying and going


@servers
def test_a_comment_says_that_an_idle_stream_lives(serve: Callable[..., Gunicorn]) -> None:
    server = serve(app="tests.apps.strict:app", **SOON)
    stream = listening(server.port, "chat")
    time.sleep(5)  # longer than a socket may live that answers no ping
    send(server.port, "chat", "hi")
    assert heard(stream, 1) == ["hi"]
    assert stream.comments > 2


@servers
def test_a_reader_that_never_reads_on_leaves_its_place_to_others(
    serve: Callable[..., Gunicorn],
) -> None:
    limits = {"BROADCAST_MAX_QUEUE": "200000", "BROADCAST_MAX_STREAMS": "1"}
    server = serve(app="tests.apps.strict:app", **SOON, **limits)
    with stall(server.port):
        for number in range(80):
            send(server.port, "heavy", [number, "x" * 90_000])
        wait_until(lambda: Stream(server.port, "chat").greeting["event"] != "pusher:error")


@pytest.fixture(params=["gevent", "gthread"])
def encrypted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Stream]]:
    """Opens streams of a server with TLS."""
    authority, pem = trustme.CA(), tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    options = ("--worker-class", request.param, "--threads", "9")
    server = Gunicorn(
        APP, tmp_path, *options, "--certfile", str(pem), "--keyfile", str(pem), **SOON
    )
    yield partial(listening, server.port, tls=tls)
    server.process.kill()


@servers
def test_behind_tls_a_stream_is_as_any_and_its_client_is_missed_soon(
    encrypted: Callable[..., Stream],
) -> None:
    leaving, staying = (encrypted(ROOM, user=user) for user in ("ann", "bob"))
    leaving.cut()
    removed = staying.until("pusher_internal:member_removed")
    assert removed["data"] == {"user_id": "ann"}


@servers
@pytest.mark.parametrize("worker", ["gevent", "gthread"])
def test_on_sigterm_streams_are_told_to_come_back_a_few_at_a_time(
    serve: Callable[..., Gunicorn], worker: str
) -> None:
    server = serve("--worker-class", worker, "--threads", "30")
    streams = [listening(server.port, ROOM, user=f"user{n}") for n in range(12)]
    server.process.signal(signal.SIGTERM)
    for stream in streams:
        assert stream.until("pusher:error")["data"]["code"] == 4200
        while stream.next() is not None:
            pass
        assert stream.retry <= 1000
    wait_until(lambda: not server.process.alive)  # a second signal might find it half gone
    assert server.stop() == 0


@servers
def test_a_rolling_restart_loses_nothing(
    serve: Callable[..., Gunicorn], redis_server: RedisProcess
) -> None:
    server = serve("--workers", "2", REDIS_URL=redis_server.url)
    streams = [listening(server.port, "log.deploy") for _ in range(6)]
    numbers = list(range(1, 81))
    with ThreadPoolExecutor(len(streams)) as threads:
        followed = [threads.submit(follow, stream, numbers[-1]) for stream in streams]
        server.process.signal(signal.SIGHUP)
        for number in numbers[:-1]:
            send(server.port, "log.deploy", number)
            time.sleep(0.05)
        wait_until(lambda: server.output().count("Worker exiting") == 2)
        send(server.port, "log.deploy", numbers[-1])
        results = [each.result() for each in followed]
    assert all(heard == numbers for heard, _ in results)
    assert all(streams > 1 for _, streams in results)


def follow(stream: Stream, last: int) -> tuple[list[int], int]:
    """What a client hears up to ``last``, and on how many streams: it comes back at once."""
    numbers, streams = list[int](), 1
    while numbers[-1:] != [last]:
        message = stream.next()
        if message is None:
            stream = Stream(stream.port, "log.deploy", last_id=stream.last_id)
            streams += 1
        elif message["event"] == "message":
            numbers.append(message["data"])
    return numbers, streams


@servers
def test_losing_redis_is_told_to_streams_and_so_is_its_return(
    serve: Callable[..., Gunicorn], own_redis: RedisProcess
) -> None:
    server = serve(REDIS_URL=own_redis.url)
    stream = listening(server.port, "log.outage", ROOM, user="ann")
    own_redis.kill()
    stream.until("rf:interrupted")
    own_redis.start()
    stream.until("rf:resumed")
    assert send(server.port, "log.outage", "back") == 204
    assert heard(stream, 1) == ["back"]


# In an app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    rf = RF(app, broadcast=Broadcast(activity_timeout=1))
    rf.broadcast.user(lambda: "ann")

    @rf.broadcast.channel("private-{order}")
    def may_watch(user: str, order: str) -> bool:
        return abort(int(order))

    return app.test_client()


def first_of(client: FlaskClient, path: str, **headers: str) -> bytes:
    """What comes at once."""
    response = client.get(path, headers=headers, multithread=True, buffered=False)
    chunks = response.iter_encoded()
    seen = b"".join(next(chunks) for _ in range(3))
    response.close()
    return seen


def test_a_server_of_one_thread_is_not_brought_to_a_stop(client: FlaskClient) -> None:
    refused = client.get("/broadcasting/sse?channels=chat")
    assert refused.status_code == 501
    assert "one request at a time" in refused.text


@pytest.mark.parametrize("status", [403, 404])
def test_a_callback_that_aborts_says_no(client: FlaskClient, status: int) -> None:
    seen = first_of(client, f"/broadcasting/sse?channels=private-{status}")
    assert REFUSED.encode() in seen


def test_a_callback_that_fails_is_an_error(client: FlaskClient) -> None:
    path = "/broadcasting/sse?channels=private-503"
    assert client.get(path, multithread=True).status_code == 503


def test_compression_leaves_it_alone(client: FlaskClient) -> None:
    client.application.config["COMPRESS_MIN_SIZE"] = 1
    path, headers = "/broadcasting/sse?channels=chat", {"Accept-Encoding": "gzip"}
    response = client.get(path, headers=headers, multithread=True, buffered=False)
    assert "Content-Encoding" not in response.headers
    response.close()


def test_who_asks_for_the_headers_alone_opens_nothing(client: FlaskClient) -> None:
    response = client.head("/broadcasting/sse?channels=chat", multithread=True)
    assert (response.status_code, response.data) == (200, b"")
    server = client.application.extensions["rf_broadcast"].server
    assert not server.connections


def test_the_access_log_and_the_apps_limits_pass_over_it(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.config.update(RF_ACCESS_LOG="true", RATE_LIMIT_PER_MINUTE=1)
    RF(app)
    caplog.set_level("INFO", "flask_rf.access")
    for _ in range(3):
        first_of(app.test_client(), "/broadcasting/sse?channels=chat")
    assert [record for record in caplog.records if record.name == "flask_rf.access"] == []


def test_health_is_told_of_a_process_that_streams(client: FlaskClient) -> None:
    first_of(client, "/broadcasting/sse?channels=chat")
    assert client.get("/health/ready").json["status"] == "pass"
    assert client.application.extensions["rf_broadcast"].listens()


def test_a_stream_that_is_closed_is_forgotten(client: FlaskClient) -> None:
    server = client.application.extensions["rf_broadcast"].server
    first_of(client, "/broadcasting/sse?channels=chat")
    assert not server.connections
    assert server.hub.size("chat") == 0
