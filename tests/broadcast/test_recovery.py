"""Coming back to a channel with a history, over real servers."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from tests.broadcast.client import send
from tests.broadcast.client import Socket
from tests.broadcast.servers import KINDS
from tests.broadcast.servers import served
from tests.broadcast.servers import Server
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers

SUBSCRIBED = "pusher_internal:subscription_succeeded"
Place = dict[str, Any]


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    sizes = {"BROADCAST_MAX_QUEUE": "100000", "BROADCAST_MAX_EVENT": "50000"}
    with served(request.param, folder, **sizes) as running:
        yield running


def place(message: dict[str, Any]) -> Place:
    return {"epoch": message["epoch"], "offset": message["offset"]}


def heard(socket: Socket, count: int) -> list[Any]:
    return [socket.until("message")["data"] for _ in range(count)]


def test_a_subscriber_is_told_where_it_stands(server: Server) -> None:
    first = Socket(server.port)
    told = first.subscribe("log.where")
    assert (told["event"], told["offset"], told["data"]) == (SUBSCRIBED, 0, {})
    assert "recovered" not in told
    send(server.port, "log.where", 1)
    assert heard(first, 1) == [1]  # or a newcomer would stand before it, and hear it
    assert Socket(server.port).subscribe("log.where")["offset"] == 1


def test_a_channel_without_a_history_says_nothing_of_places(server: Server) -> None:
    assert set(Socket(server.port).subscribe("chat")) == {"event", "channel", "data"}


def test_who_was_away_gets_what_was_sent_meanwhile_once_and_in_order(server: Server) -> None:
    first = Socket(server.port)
    first.subscribe("log.away")
    send(server.port, "log.away", 1)
    since = place(first.until("message"))
    first.cut()
    for n in range(2, 6):
        send(server.port, "log.away", n)

    back = Socket(server.port)
    told = back.subscribe("log.away", since=since)
    send(server.port, "log.away", 6)

    assert told["recovered"] is True
    assert place(told) == since
    assert heard(back, 5) == [2, 3, 4, 5, 6]


def test_who_missed_nothing_is_sent_nothing(server: Server) -> None:
    first = Socket(server.port)
    since = place(first.subscribe("log.nothing"))
    first.cut()

    back = Socket(server.port)
    assert back.subscribe("log.nothing", since=since)["recovered"] is True
    send(server.port, "log.nothing", 1)
    assert back.receive()["data"] == 1


def test_a_cached_event_comes_once_and_not_ahead_of_those_before_it(server: Server) -> None:
    first = Socket(server.port)
    since = place(first.subscribe("cache-log.away"))
    first.cut()
    for n in (1, 2):
        send(server.port, "cache-log.away", n)

    back = Socket(server.port)
    assert back.subscribe("cache-log.away", since=since)["recovered"] is True
    send(server.port, "cache-log.away", 3)
    assert heard(back, 3) == [1, 2, 3]


def test_who_missed_too_much_is_told_so(server: Server) -> None:
    first = Socket(server.port)
    since = place(first.subscribe("short.away"))
    for n in range(300):  # a stream is trimmed by whole nodes, of a hundred entries
        send(server.port, "short.away", n)

    back = Socket(server.port)
    told = back.subscribe("short.away", since=since)
    missed = back.receive()
    send(server.port, "short.away", "new")

    assert (told["recovered"], told["offset"]) == (False, 300)
    assert (missed["event"], place(missed)) == ("rf:missed", place(told))
    assert back.receive()["data"] == "new"


@pytest.mark.parametrize("since", [{"epoch": "other", "offset": 0}, {"epoch": 7}, {"offset": -1}])
def test_a_place_nobody_gave_is_no_place(server: Server, since: Place) -> None:
    socket = Socket(server.port)
    assert socket.subscribe("log.nowhere", since=since)["recovered"] is False
    assert socket.receive()["event"] == "rf:missed"


def test_a_channel_without_a_history_gives_nothing_back(server: Server) -> None:
    socket = Socket(server.port)
    told = socket.subscribe("chat", since={"epoch": "e", "offset": 1})
    assert told["recovered"] is False
    assert socket.receive()["event"] == "rf:missed"


def test_ones_own_events_are_left_out_of_what_is_given_back(server: Server) -> None:
    first = Socket(server.port)
    since = place(first.subscribe("log.own"))
    send(server.port, "log.own", "mine", **{"X-Socket-ID": first.id})
    send(server.port, "log.own", "theirs")
    assert heard(first, 1) == ["theirs"]

    back = Socket(server.port)
    back.subscribe("log.own", since={**since, "socket_id": first.id})
    assert heard(back, 1) == ["theirs"]


def test_what_was_sent_by_the_new_socket_before_it_came_back_is_left_out_too(
    server: Server,
) -> None:
    first = Socket(server.port)
    since = place(first.subscribe("log.early"))
    first.cut()
    back = Socket(server.port)
    send(server.port, "log.early", "mine", **{"X-Socket-ID": back.id})
    send(server.port, "log.early", "theirs")
    back.subscribe("log.early", since=since)
    assert heard(back, 1) == ["theirs"]


def test_a_private_history_is_given_back_to_none_but_its_owner(server: Server) -> None:
    since = place(Socket(server.port).subscribe("private-orders.ann", user="ann"))
    send(server.port, "private-orders.ann", 1)

    back, stranger = Socket(server.port), Socket(server.port)
    assert back.subscribe("private-orders.ann", user="ann", since=since)["recovered"] is True
    assert heard(back, 1) == [1]
    stranger.send("pusher:subscribe", {"channel": "private-orders.ann", "recover": since})
    assert stranger.receive()["event"] == "pusher:subscription_error"


def test_a_presence_channel_gives_back_events_beside_its_members(server: Server) -> None:
    since = place(Socket(server.port).subscribe("presence-log.1", user="ann"))
    send(server.port, "presence-log.1", 1)

    back = Socket(server.port)
    told = back.subscribe("presence-log.1", user="bob", since=since)
    assert told["recovered"] is True
    assert "bob" in told["data"]["presence"]["ids"]
    assert heard(back, 1) == [1]


def test_more_than_a_slow_reader_could_take_is_said_to_be_missed(server: Server) -> None:
    socket = Socket(server.port)
    since = place(socket.subscribe("log.large"))
    for n in range(30):
        send(server.port, "log.large", f"{n}" + "x" * 40_000)

    told = Socket(server.port).subscribe("log.large", since=since)

    assert told["recovered"] is False


@pytest.fixture
def cut_off(
    redis_server: RedisProcess, serve: Callable[..., Gunicorn]
) -> Iterator[tuple[FaultProxy, Gunicorn, Gunicorn]]:
    """A proxy to Redis, a server behind it, and one that goes straight."""
    proxy = FaultProxy(redis_server.port)
    behind, direct = serve(REDIS_URL=proxy.url), serve(REDIS_URL=redis_server.url)
    yield proxy, behind, direct
    proxy.close()


def test_a_server_cut_off_from_redis_gives_its_sockets_what_they_missed(
    cut_off: tuple[FaultProxy, Gunicorn, Gunicorn],
) -> None:
    proxy, behind, direct = cut_off
    socket = Socket(behind.port)
    socket.subscribe("log.cut")
    send(direct.port, "log.cut", 1)
    assert heard(socket, 1) == [1]

    proxy.refusing = True
    proxy.cut()
    assert socket.until("rf:interrupted")
    for n in (2, 3):
        send(direct.port, "log.cut", n)
    proxy.refusing = False

    assert heard(socket, 2) == [2, 3]
    send(direct.port, "log.cut", 4)
    assert heard(socket, 1) == [4]


def test_who_comes_back_during_an_outage_waits_for_what_it_missed(
    cut_off: tuple[FaultProxy, Gunicorn, Gunicorn],
) -> None:
    proxy, behind, direct = cut_off
    first = Socket(behind.port)
    since = place(first.subscribe("log.wait"))
    proxy.refusing = True
    proxy.cut()
    assert first.until("rf:interrupted")
    first.cut()
    send(direct.port, "log.wait", 1)
    back = Socket(behind.port)
    back.send("pusher:subscribe", {"channel": "log.wait", "recover": since})
    assert back.until("rf:interrupted")
    proxy.refusing = False

    assert back.until(SUBSCRIBED)["recovered"] is True
    assert heard(back, 1) == [1]


def test_who_came_during_an_outage_is_told_that_it_may_lack_something(
    cut_off: tuple[FaultProxy, Gunicorn, Gunicorn],
) -> None:
    proxy, behind, direct = cut_off
    Socket(behind.port).subscribe("log.late")
    proxy.refusing = True
    proxy.cut()
    late = Socket(behind.port)
    late.send("pusher:subscribe", {"channel": "log.new"})
    assert late.until(SUBSCRIBED)
    send(direct.port, "log.new", 1)
    proxy.refusing = False

    assert late.until("rf:missed")["offset"] == 1
    wait_until(lambda: send(behind.port, "log.new", 2) == 204)
    assert heard(late, 1) == [2]


def test_who_left_during_an_outage_is_told_nothing_of_it(
    cut_off: tuple[FaultProxy, Gunicorn, Gunicorn],
) -> None:
    proxy, behind, _ = cut_off
    first = Socket(behind.port)
    proxy.refusing = True
    proxy.cut()
    assert first.until("rf:interrupted")
    for _ in range(3):
        first.send("pusher:subscribe", {"channel": "log.left"})
        assert first.until(SUBSCRIBED)
        first.send("pusher:unsubscribe", {"channel": "log.left"})
    first.send("pusher:subscribe", {"channel": "log.stayed"})
    assert first.until(SUBSCRIBED)
    proxy.refusing = False

    assert first.until("rf:missed")["channel"] == "log.stayed"
    first.send("pusher:ping", {})
    told = list(iter(first.receive, {"event": "pusher:pong", "data": {}}))
    assert "rf:missed" not in [each["event"] for each in told]
