"""What webhooks tell, once over all servers, to a real HTTP server."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pusher import Pusher

from flask_rf import Broadcast
from flask_rf import ConfigurationError
from flask_rf.broadcast.broker import Broker
from flask_rf.broadcast.broker import Told
from flask_rf.broadcast.memory import MemoryBroker
from flask_rf.broadcast.redis import RedisBroker
from flask_rf.broadcast.session import Member
from flask_rf.broadcast.signature import Signer
from flask_rf.broadcast.webhooks import Webhooks
from flask_rf.redis import RedisOptions
from flask_rf.redis import RedisServer
from flask_rf.redis.sender import commands_to
from flask_rf.signals import event_dropped
from tests.broadcast.client import Socket
from tests.broadcast.ears import Ear
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.parts.webhook_listener import WebhookListener

ROOM = "presence-room.hooked"
ANN = Member("ann b")  # a space, since ids may have one
SIGNER = Signer("flask-rf", ("s3cret", "older"))


@pytest.fixture
def listener() -> Iterator[WebhookListener]:
    listener = WebhookListener()
    yield listener
    listener.stop()


class Witness(Ear):
    """A broker as one process has it, and what webhooks would tell."""

    def __init__(self, make: Callable[[Any], Broker]) -> None:
        self.arrived: list[tuple[str, str]] = []
        self.gone: list[tuple[str, str]] = []
        super().__init__(make(lambda *who: self.arrived.append(who)))

    def look(self) -> list[tuple[str, str]]:
        self.gone += self.broker.departed()
        return self.gone


_HOMES = {
    "memory": "flask_rf.broadcast.memory",
    "redis": "flask_rf.broadcast.redis.presence",
}


@pytest.fixture
def over_redis(redis_server: RedisProcess) -> Iterator[Callable[[], Witness]]:
    witnesses: list[Witness] = []
    options = RedisOptions(url=redis_server.url)

    def make(arrived: Any) -> Broker:
        commands = commands_to(redis_server.url, options, 2.0)
        listening = RedisServer(redis_server.url, options)
        return RedisBroker(commands, listening, "shop:1:1", told=Told(arrived=arrived))

    def start() -> Witness:
        witnesses.append(Witness(make))
        return witnesses[-1]

    yield start
    for witness in witnesses:
        witness.broker.stop()


@pytest.fixture(params=["memory", "redis"])
def witness(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Witness]:
    monkeypatch.setattr(f"{_HOMES[request.param]}.GONE_AFTER", 0.3)
    if request.param == "redis":
        yield request.getfixturevalue("over_redis")()
        return
    witness = Witness(lambda arrived: MemoryBroker(told=Told(arrived=arrived)))
    yield witness
    witness.broker.stop()


def test_a_channels_first_subscriber_and_last_are_told(witness: Witness) -> None:
    witness.broker.count("chat", 1)
    wait_until(lambda: witness.arrived == [("chat", "")])
    witness.broker.count("chat", 2)
    wait_until(lambda: witness.broker.occupied() == {"chat": 2})
    witness.broker.count("chat", 0)
    wait_until(lambda: witness.look() == [("chat", "")])
    assert witness.arrived == [("chat", "")]


def test_a_users_first_socket_and_last_are_told(witness: Witness) -> None:
    for socket_id in ("1.1", "1.2"):
        witness.broker.join("presence-a", socket_id, ANN, 100)
    assert witness.arrived == [("presence-a", "ann b")]
    witness.broker.leave("presence-a", "1.1", "ann b")
    assert witness.look() == []
    witness.broker.leave("presence-a", "1.2", "ann b")
    wait_until(lambda: witness.look() == [("presence-a", "ann b")])


@pytest.mark.parametrize("witness", ["memory", "redis"], indirect=True)
def test_who_comes_back_in_time_has_neither_gone_nor_come(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in _HOMES.values():
        monkeypatch.setattr(f"{module}.GONE_AFTER", 1000)
    broker = witness.broker
    broker.join("presence-a", "1.1", ANN, 100), broker.count("chat", 1)
    wait_until(lambda: len(witness.arrived) == 2)
    broker.leave("presence-a", "1.1", "ann b"), broker.count("chat", 0)
    wait_until(lambda: not broker.occupied())
    broker.join("presence-a", "1.2", ANN, 100), broker.count("chat", 1)
    wait_until(lambda: broker.occupied())
    for module in _HOMES.values():
        monkeypatch.setattr(f"{module}.GONE_AFTER", 0)
    assert witness.look() == []
    assert len(witness.arrived) == 2


def test_a_change_is_told_by_one_process_alone(
    over_redis: Callable[[], Witness], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_rf.broadcast.redis.presence.GONE_AFTER", 0.1)
    crowd = [over_redis() for _ in range(3)]
    for number, each in enumerate(crowd):
        each.broker.count("chat", 1), each.broker.join("presence-a", f"{number}.1", ANN, 100)
    wait_until(lambda: crowd[0].broker.occupied() == {"chat": 3})
    told = [("chat", ""), ("presence-a", "ann b")]
    wait_until(lambda: sorted(sum((each.arrived for each in crowd), [])) == told)
    for number, each in enumerate(crowd):
        each.broker.count("chat", 0), each.broker.leave("presence-a", f"{number}.1", "ann b")
    wait_until(lambda: sum(len(each.look()) for each in crowd) == 2)
    assert not any(each.broker.departed() for each in crowd)


def test_a_dead_process_leaves_the_telling_to_the_others(
    over_redis: Callable[[], Witness], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_rf.broadcast.redis.presence.GONE_AFTER", 0)
    dead, survivor = over_redis(), over_redis()
    dead.broker.join("presence-a", "1.1", ANN, 100), dead.broker.count("chat", 1)
    wait_until(lambda: len(dead.arrived) == 2)
    list(survivor.broker._presence.bury(dead.broker._id))  # type: ignore[attr-defined]
    assert sorted(survivor.look()) == [("chat", ""), ("presence-a", "ann b")]


def test_without_webhooks_redis_keeps_no_list_of_those_who_left(
    app: Flask, redis_server: RedisProcess
) -> None:
    server = Broadcast(app, redis_url=redis_server.url).compiled.server
    server.broker.join("presence-a", "1.1", ANN, 100)
    server.broker.leave("presence-a", "1.1", "ann b")
    assert redis_server.client.keys("*:left") == []
    server.stop()


def test_pushers_sdk_accepts_what_is_sent(listener: WebhookListener) -> None:
    webhooks = Webhooks((listener.url,), SIGNER, lambda channel, reason: None)
    webhooks.arrived("chat", "")
    webhooks.arrived(ROOM, "ann")
    wait_until(lambda: len(listener.events) == 2)
    sdk, events = Pusher("1", "flask-rf", "s3cret"), []
    for headers, body in listener.requests:
        key, signature = headers["X-Pusher-Key"], headers["X-Pusher-Signature"]
        events += sdk.validate_webhook(key, signature, body.decode())["events"]
        assert sdk.validate_webhook(key, signature, body.decode() + " ") is None
    assert events == [
        {"name": "channel_occupied", "channel": "chat"},
        {"name": "member_added", "channel": ROOM, "user_id": "ann"},
    ]
    webhooks.stop()


def test_what_is_the_servers_own_is_not_told(listener: WebhookListener) -> None:
    webhooks = Webhooks((listener.url,), SIGNER, lambda channel, reason: None)
    webhooks.arrived("#online-ann", "ann"), webhooks.arrived("#server-to-user-ann", "")
    webhooks.arrived("chat", "")
    wait_until(lambda: listener.events)
    assert [event["channel"] for event in listener.events] == ["chat"]
    webhooks.stop()


def test_every_receiver_hears_of_everything(listener: WebhookListener) -> None:
    other = WebhookListener()
    webhooks = Webhooks((listener.url, other.url), SIGNER, lambda channel, reason: None)
    webhooks.cache_miss("cache-a")
    webhooks.flush(30)
    for each in (listener, other):
        assert each.events == [{"name": "cache_miss", "channel": "cache-a"}]
    webhooks.stop(), other.stop()


def test_what_is_given_up_is_signalled(app: Flask) -> None:
    server = Broadcast(app, webhooks="http://127.0.0.1/").compiled.server
    drops: list[Any] = []
    with event_dropped.connected_to(lambda sender, **facts: drops.append(facts), app):
        server.webhooks._receivers[0]._drop([{"channel": "chat"}], "its queue is full")
    reason = "webhook: its queue is full"
    fact = {"channel": "chat", "kind": "webhook", "reason": reason, "request_id": ""}
    assert drops == [fact]
    server.stop()


@pytest.mark.parametrize(
    "url",
    [
        "example.org/hook",
        "ftp://example.org/",
        "https://hooks..example.org/",
        "https://",
        "https://ann:pw@example.org/",
        "https://example.org/#top",
        "https://example.org:http/",
        "https://example.org:0/",
        "https://exämple.org/",
        "https://example.org/a b",
        "https://[::1/",
    ],
)
def test_a_url_that_cannot_be_posted_to_is_refused_at_start_up(app: Flask, url: str) -> None:
    app.config["BROADCAST_WEBHOOKS"] = ["https://example.org/hook", url]
    with pytest.raises(ConfigurationError, match="write https://host/path"):
        Broadcast(app)


@pytest.fixture
def server(
    listener: WebhookListener, redis_server: RedisProcess, tmp_path: Path
) -> Iterator[Gunicorn]:
    """Two workers that tell of everything."""
    settings = {"REDIS_URL": redis_server.url, "BROADCAST_WEBHOOKS": listener.url}
    server = Gunicorn("tests.apps.events:app", tmp_path, "--workers", "2", **settings)
    yield server
    listener.answering.set()
    server.stop()
    assert "Traceback" not in server.output()


@pytest.mark.servers
def test_all_that_happens_on_the_channels_of_two_workers_is_told_once(
    server: Gunicorn, listener: WebhookListener
) -> None:
    ann, bob, *_ = crowd = [Socket(server.port) for _ in range(4)]
    for socket, user in zip(crowd, ("ann", "bob", "ann", "bob"), strict=True):
        socket.subscribe(ROOM, user)
    ann.subscribe("cache-hooked")
    ann.send("client-typing", {"on": True}, channel=ROOM)
    wait_until(lambda: len(listener.events) >= 6)
    assert sorted(event["user_id"] for event in listener.named("member_added")) == ["ann", "bob"]
    occupied = sorted(event["channel"] for event in listener.named("channel_occupied"))
    assert occupied == ["cache-hooked", ROOM]
    assert listener.named("cache_miss") == [{"channel": "cache-hooked"}]
    [typing] = listener.named("client_event")
    assert json.loads(typing.pop("data")) == {"on": True}
    event = {"channel": ROOM, "event": "client-typing", "user_id": "ann", "socket_id": ann.id}
    assert typing == event

    bob.cut(), crowd[3].cut()
    wait_until(lambda: listener.named("member_removed") == [{"channel": ROOM, "user_id": "bob"}])
    ann.cut(), crowd[2].cut()
    wait_until(lambda: len(listener.named("channel_vacated")) == 2)
    wait_until(lambda: len(listener.named("member_removed")) == 2)
    assert len(listener.events) == 10


@pytest.mark.servers
def test_a_receiver_that_hangs_delays_no_socket(
    server: Gunicorn, listener: WebhookListener
) -> None:
    listener.answering.clear()
    ann, bob = Socket(server.port), Socket(server.port)
    ann.subscribe(ROOM, "ann"), bob.subscribe(ROOM, "bob")
    wait_until(lambda: listener.requests)
    for number in range(10):
        ann.send("client-count", number, channel=ROOM)
        assert bob.until("client-count")["data"] == number
    assert listener.events == []
