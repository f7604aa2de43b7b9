"""One contract for both broadcasters, and Redis's with the app whose channels it shares."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_rf import BroadcastError
from flask_rf import MemoryBroadcaster
from flask_rf import RedisBroadcaster
from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

Broadcaster = MemoryBroadcaster | RedisBroadcaster
Make = Callable[..., Broadcaster]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Broadcaster] = []

    def make(url: str, prefix: str = "shop") -> Broadcaster:
        made.append(RedisBroadcaster(url, prefix, timeout=5) if url else MemoryBroadcaster())
        return made[-1]

    yield make
    for broadcaster in made:
        broadcaster.close()


@pytest.fixture(params=["", "redis_server", "redis_cluster"], ids=["memory", "redis", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param).url) if request.param else ""


@pytest.fixture
def broadcaster(make: Make, url: str) -> Broadcaster:
    return make(url)


class Heard:
    """A callback that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def __call__(self, event: str, data: Any) -> None:
        self.events.append((event, data))

    def wait_for(self, *events: tuple[str, Any]) -> None:
        wait_until(lambda: self.events == [*events], what=f"{events}: {self.events}")


def test_what_is_broadcast_is_heard_by_the_channels_subscribers(broadcaster: Broadcaster) -> None:
    one, other, elsewhere = Heard(), Heard(), Heard()
    broadcaster.subscribe("chat", one), broadcaster.subscribe("chat", other)
    broadcaster.subscribe("news", elsewhere)
    broadcaster.broadcast("chat", "said", {"text": "Grüße"})
    broadcaster.broadcast("chat", "left")
    for heard in (one, other):
        heard.wait_for(("said", {"text": "Grüße"}), ("left", {}))
    assert elsewhere.events == []


def test_who_unsubscribes_hears_no_more(broadcaster: Broadcaster) -> None:
    one, other = Heard(), Heard()
    broadcaster.subscribe("chat", one), broadcaster.subscribe("chat", other)
    broadcaster.unsubscribe("chat", one)
    broadcaster.broadcast("chat", "first")
    other.wait_for(("first", {}))
    assert broadcaster.is_subscribed("chat")
    broadcaster.unsubscribe("chat")
    assert not broadcaster.is_subscribed("chat")
    broadcaster.unsubscribe("chat")  # once more changes nothing
    broadcaster.subscribe("chat", one)
    broadcaster.broadcast("chat", "second")
    one.wait_for(("second", {}))
    assert other.events == [("first", {})]


def test_connections_are_counted(broadcaster: Broadcaster) -> None:
    assert broadcaster.connections("chat") == 0
    broadcaster.subscribe("chat", Heard()), broadcaster.subscribe("chat", Heard())
    wait_until(lambda: broadcaster.connections("chat") == 1)
    broadcaster.unsubscribe("chat")
    wait_until(lambda: broadcaster.connections("chat") == 0)


def test_who_is_present_is_known_and_told(broadcaster: Broadcaster) -> None:
    heard = Heard()
    broadcaster.subscribe("presence-room", heard)
    assert set(broadcaster.presence("presence-room")) == set()
    broadcaster.subscribe("presence-room", Heard(), user_id="ann", user_info={"name": "Ann"})
    assert set(broadcaster.presence("presence-room")) == {"ann"}
    broadcaster.subscribe("presence-room", Heard(), user_id="bob")
    assert set(broadcaster.presence("presence-room")) == {"bob"}
    ann = {"user_id": "ann", "user_info": {"name": "Ann"}}
    bob = {"user_id": "bob", "user_info": None}
    added, removed = "pusher_internal:member_added", "pusher_internal:member_removed"
    heard.wait_for((added, ann), (removed, {"user_id": "ann"}), (added, bob))
    broadcaster.unsubscribe("presence-room")
    assert set(broadcaster.presence("presence-room")) == set()


@pytest.mark.parametrize(
    ("channel", "event", "data", "why"),
    [
        ("a b", "said", 1, "a channel name"),
        ("chat", "pusher:said", 1, "the protocol's own"),
        ("chat", "", 1, "1 to 200 characters"),
        ("chat", "said", object(), "JSON"),
        ("chat", "said", float("nan"), "JSON"),
        ("private-encrypted-chat", "said", 1, "sealed"),
    ],
)
def test_what_cannot_be_meant_is_refused(channel: str, event: str, data: object, why: str) -> None:
    with pytest.raises(BroadcastError, match=why):
        MemoryBroadcaster().broadcast(channel, event, data)


def test_only_presence_channels_have_members() -> None:
    with pytest.raises(ValueError, match="has no members"):
        MemoryBroadcaster().subscribe("chat", Heard(), user_id="ann")


def test_a_callback_that_fails_keeps_nobody_from_hearing(
    broadcaster: Broadcaster, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: str, data: Any) -> None:
        raise RuntimeError("a bug")

    heard = Heard()
    broadcaster.subscribe("chat", fail), broadcaster.subscribe("chat", heard)
    broadcaster.broadcast("chat", "said"), broadcaster.broadcast("chat", "left")
    heard.wait_for(("said", {}), ("left", {}))
    assert "a callback failed on an event of chat" in caplog.text


@pytest.mark.parametrize("server", ["redis_server", "redis_cluster"])
def test_redis_makes_them_one_over_all_processes(
    server: str, make: Make, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(server).url
    here, there, others = make(url), make(url), make(url, "another-app")
    heard, unconcerned = Heard(), Heard()
    there.subscribe("presence-room", heard, user_id="ann")
    others.subscribe("presence-room", unconcerned)
    here.broadcast("presence-room", "said", 1)
    wait_until(lambda: ("said", 1) in heard.events)
    assert set(here.presence("presence-room")) == {"ann"}
    wait_until(lambda: here.connections("presence-room") == 1)
    there.close()
    assert set(here.presence("presence-room")) == set()
    assert here.connections("presence-room") == 0
    assert unconcerned.events == []


def test_without_redis_it_says_so() -> None:
    broadcaster = RedisBroadcaster("redis://127.0.0.1:9/0")
    with pytest.raises(BroadcastError, match="refused"):
        broadcaster.broadcast("chat", "said")


def test_a_member_is_back_once_redis_is(own_redis: RedisProcess, make: Make) -> None:
    broadcaster = make(own_redis.url)
    broadcaster.subscribe("presence-room", Heard(), user_id="ann")
    own_redis.restart()  # without a file: it has forgotten everything

    def is_back() -> bool:
        try:
            return set(broadcaster.presence("presence-room")) == {"ann"}
        except Exception:
            return False

    wait_until(is_back, what="her return")


def test_redis_knows_of_it_before_its_member_is_back(own_redis: RedisProcess, make: Make) -> None:
    broadcaster = make(own_redis.url)
    broadcaster.subscribe("presence-room", Heard(), user_id="ann")
    own_redis.client.flushall()
    broadcaster.state_anew()  # long before its next sign of life
    assert own_redis.client.zcard("{shop:1:1}:presence:servers") == 1


@pytest.mark.servers
def test_it_talks_to_the_browsers_of_an_app(
    redis_server: RedisProcess, make: Make, tmp_path: Path
) -> None:
    server = Gunicorn("tests.apps.events:app", tmp_path, REDIS_URL=redis_server.url)
    try:
        broadcaster, heard = make(redis_server.url, "tests.apps.events"), Heard()
        broadcaster.subscribe("presence-room.1", heard, user_id="job")
        browser = Socket(server.port)
        browser.have_patience(60)
        there = browser.subscribe("presence-room.1", user="ann")["data"]["presence"]["ids"]
        assert sorted(there) == ["ann", "job"]
        wait_until(lambda: heard.events and heard.events[-1][1]["user_id"] == "ann")
        broadcaster.broadcast("presence-room.1", "said", {"text": "hi"})
        assert browser.until("said")["data"] == {"text": "hi"}
    finally:
        server.stop()


def test_it_can_be_used_by_many_threads(broadcaster: Broadcaster) -> None:
    heard = Heard()

    def come_and_go(n: int) -> None:
        for _ in range(20):
            broadcaster.subscribe("chat", heard)
            broadcaster.unsubscribe("chat", heard)

    threads = [threading.Thread(target=come_and_go, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    broadcaster.subscribe("chat", heard)
    broadcaster.broadcast("chat", "said", 1)
    heard.wait_for(("said", 1))
