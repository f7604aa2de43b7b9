from __future__ import annotations

import atexit
import itertools
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import MagicMock

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_rf import Broadcast
from flask_rf import BroadcastError
from flask_rf import ConfigurationError
from flask_rf import SetupError
from flask_rf import signals
from flask_rf.broadcast.broadcasting import Broadcasting
from flask_rf.broadcast.outbox import QueuedOutbox
from flask_rf.broadcast.redis import RedisBroker
from flask_rf.broadcast.server import Server
from flask_rf.broadcast.session import Member
from flask_rf.broadcast.wire import Text
from tests.broadcast.ears import Ear
from tests.parts.cluster import RedisClusterProcesses
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess


class Published(Ear):
    """Everything a broadcast sends, taken off its broker."""

    def __init__(self, broadcast: Broadcast) -> None:
        super().__init__(broadcast.compiled.server.broker)
        self.broker.subscribe("chat"), self.broker.subscribe("news")

    def messages(self, count: int) -> list[dict[str, Any]]:
        return [json.loads(envelope.payload) for _, envelope in self.wait_for(count)]


@pytest.fixture
def broadcast(app: Flask) -> Broadcast:
    return Broadcast(app)


def test_an_event_is_one_message_per_channel(broadcast: Broadcast) -> None:
    published = Published(broadcast)
    broadcast.to("chat", "news").send("message", {"text": "hällo"})
    messages = published.messages(2)
    assert [message["channel"] for message in messages] == ["chat", "news"]
    for message in messages:
        assert message["event"] == "message"
        assert json.loads(message["data"]) == {"text": "hällo"}


def test_an_event_needs_no_data(broadcast: Broadcast) -> None:
    published = Published(broadcast)
    broadcast.to("chat").send("nudge")
    assert published.messages(1)[0]["data"] == "{}"


def test_the_apps_own_json_provider_writes_the_data(app: Flask, broadcast: Broadcast) -> None:
    import datetime

    published = Published(broadcast)
    broadcast.to("chat").send("day", datetime.date(2026, 1, 2))
    assert json.loads(published.messages(1)[0]["data"]) == "Fri, 02 Jan 2026 00:00:00 GMT"


def test_to_others_leaves_out_the_socket_that_asked(app: Flask, broadcast: Broadcast) -> None:
    published = Published(broadcast)
    with app.test_request_context(headers={"X-Socket-ID": "1.2"}):
        broadcast.to("chat").to_others().send("a")
    broadcast.to("chat").to_others().send("b")
    broadcast.to("chat").except_("3.4").send("c")
    published.messages(3)
    assert [envelope.skip for _, envelope in published.events] == ["1.2", "", "3.4"]


@pytest.mark.parametrize("channel", ["a b", "", "x" * 201, "#chat"])
def test_a_channel_outside_the_rules_is_an_error(broadcast: Broadcast, channel: str) -> None:
    with pytest.raises(BroadcastError, match="was not sent"):
        broadcast.to("chat", channel).send("message")


@pytest.mark.parametrize("sizes", [{"max_event": 600_000}, {"max_queue": 65_536}])
def test_events_that_would_overflow_every_queue_are_refused(
    app: Flask, sizes: dict[str, int]
) -> None:
    with pytest.raises(ConfigurationError, match="would end every connection; set BROADCAST_MAX_Q"):
        Broadcast(app, **sizes)


@pytest.mark.parametrize("event", ["", "x" * 201])
def test_an_events_name_outside_the_rules_is_an_error(broadcast: Broadcast, event: str) -> None:
    with pytest.raises(BroadcastError, match="1 to 200"):
        broadcast.to("chat").send(event)


@pytest.mark.parametrize("event", ["pusher:error", "pusher_internal:member_removed", "rf:resumed"])
def test_the_protocols_own_events_are_not_the_apps_to_send(
    broadcast: Broadcast, event: str
) -> None:
    with pytest.raises(BroadcastError, match="the protocol's own"):
        broadcast.to("chat").send(event)


def test_too_large_an_event_is_an_error_that_names_the_setting(broadcast: Broadcast) -> None:
    with pytest.raises(BroadcastError, match="BROADCAST_MAX_EVENT=100000"):
        broadcast.to("chat").send("message", "x" * 100_001)


def test_to_needs_a_channel(broadcast: Broadcast) -> None:
    with pytest.raises(TypeError):
        broadcast.to()


def test_what_is_published_is_announced(app: Flask, broadcast: Broadcast) -> None:
    heard: list[dict[str, Any]] = []

    def listen(sender: Flask, **facts: Any) -> None:
        heard.append({"app": sender, **facts})

    with signals.event_published.connected_to(listen, sender=app):
        broadcast.to("chat").send("message")
    assert heard[0]["app"] is app
    assert (heard[0]["channel"], heard[0]["event"]) == ("chat", "message")


def test_who_joins_and_leaves_is_announced(app: Flask, broadcast: Broadcast) -> None:
    heard: list[tuple[str, str, str]] = []

    def joined(sender: Flask, channel: str, user_id: str) -> None:
        heard.append(("joined", channel, user_id))

    def left(sender: Flask, channel: str, user_id: str) -> None:
        heard.append(("left", channel, user_id))

    broker = broadcast.compiled.server.broker
    with (
        signals.member_joined.connected_to(joined, app),
        signals.member_left.connected_to(left, app),
    ):
        for channel in ("presence-room", "#online-ann"):
            broker.join(channel, "1.1", Member("ann"), 100)
            broker.leave(channel, "1.1", "ann")
    assert heard == [("joined", "presence-room", "ann"), ("left", "presence-room", "ann")]


def test_receivers_of_signals_that_fail_break_nothing(
    app: Flask, broadcast: Broadcast, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(sender: Flask, **terms: Any) -> None:
        raise RuntimeError("a bug of the app")

    told = [signals.socket_opened, signals.socket_closed, signals.message_received]
    told += [signals.event_published, signals.events_delivered, signals.event_dropped]
    told += [signals.member_joined, signals.member_left]
    for signal in told:
        signal.connect(fail, sender=app)
    server, outboxes = broadcast.compiled.server, [QueuedOutbox(4096, lambda: None)]
    outboxes.append(QueuedOutbox(600, server.dropped))
    connections = [server.open(outbox, "192.0.2.1") for outbox in outboxes]
    for connection in connections:
        join = '{"event":"pusher:subscribe","data":{"channel":"chat"}}'
        server.receive(connection, [Text(join)])
    for size in (1, 800, 2):
        broadcast.to("chat").send("message", "x" * size)
    heard = b""
    while heard.count(b'"message"') < 3:
        heard += outboxes[0].take(30) or pytest.fail("the broker is deaf")
    wait_until(lambda: outboxes[1].finished_at is not None)
    server.broker.join("presence-chat", "1.1", Member("ann"), 10)
    server.broker.leave("presence-chat", "1.1", "ann")
    for connection in connections:
        server.lost(connection)
    assert outboxes[1].finished_at is not None
    wait_until(lambda: _failed(caplog) == {signal.name for signal in told})


def _failed(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The signals of which it was logged that a receiver has failed."""
    told = [record for record in caplog.records if record.name == "flask_rf"]
    return {str(record.args[0]) for record in told if isinstance(record.args, tuple)}


def test_a_dead_redis_is_an_error_or_a_counted_loss(app: Flask, own_redis: RedisProcess) -> None:
    broadcast = Broadcast(app, redis_url=own_redis.url)
    broadcast.to("chat").send("message")
    own_redis.kill()
    lost: list[str] = []

    def listen(sender: Flask, channel: str, **_: Any) -> None:
        lost.append(channel)

    with signals.event_dropped.connected_to(listen, sender=app):
        with pytest.raises(BroadcastError, match="Redis is unavailable|refused"):
            broadcast.to("chat").send("message")
        broadcast.to("news").send("message", on_error="drop")
    assert lost == ["chat", "news"]


def test_losses_are_logged_once_per_outage(
    app: Flask, own_redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    broadcast = Broadcast(app, redis_url=own_redis.url)

    def warnings() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    for outage in (1, 2):
        own_redis.kill()
        for channel in ("chat", "news"):
            broadcast.to(channel).send("message", on_error="drop")
        assert len(warnings()) == outage
        assert warnings()[-1].startswith("an event for 'chat' was dropped (")
        own_redis.start()
        broadcast.to("chat").send("message")


def test_an_unknown_way_to_treat_errors_is_refused(broadcast: Broadcast) -> None:
    with pytest.raises(ValueError, match="raise or drop"):
        broadcast.to("chat").send("message", on_error="ignore")


def test_two_apps_share_nothing(app: Flask) -> None:
    other = Flask("other")
    broadcast = Broadcast()
    broadcast.init_app(app)
    broadcast.init_app(other)
    with app.app_context():
        mine = broadcast.compiled
    with other.app_context():
        assert broadcast.compiled.server is not mine.server
    with pytest.raises(SetupError, match="2 apps"):
        broadcast.to("chat")


def test_workers_on_redis_need_a_secret_in_common(redis_server: RedisProcess) -> None:
    with pytest.raises(ConfigurationError, match="BROADCAST_APP_SECRET.*SECRET_KEY"):
        Broadcast(Flask("shop"), redis_url=redis_server.url)


def test_a_key_that_is_no_text_is_refused(app: Flask) -> None:
    app.config["SECRET_KEY"] = 12345
    with pytest.raises(ConfigurationError, match="SECRET_KEY=.hidden.*write it as text, in quotes"):
        Broadcast(app)


def test_the_secret_follows_from_the_apps_key_and_is_not_the_key() -> None:
    def secrets_of(key: str) -> Sequence[str]:
        app = Flask("shop")
        app.secret_key = key
        return Broadcast(app).compiled.signer.secrets

    assert secrets_of("a") == secrets_of("a") != secrets_of("b")
    assert "a" not in secrets_of("a")


def test_several_workers_need_more_than_memory(broadcast: Broadcast) -> None:
    broadcast.compiled.start(1)
    with pytest.raises(ConfigurationError, match="set REDIS_URL, or run one worker"):
        broadcast.compiled.start(2)


def test_redis_is_the_default_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    assert Broadcast(app).compiled.options.between_processes
    with pytest.raises(ConfigurationError, match="run one worker"):
        Broadcast(Flask("other"), backend="memory").compiled.start(2)


def test_events_cross_a_cluster(app: Flask, redis_cluster: RedisClusterProcesses) -> None:
    broadcast = Broadcast(app, redis_url=redis_cluster.url)
    broadcast.keep("news", history=10)
    published = Published(broadcast)
    broadcast.to("chat", "news").send("message", {"text": "hi"})
    messages = published.messages(2)
    assert {message["channel"] for message in messages} == {"chat", "news"}
    assert [message["offset"] for message in messages if "offset" in message] == [1]
    published.broker.stop()


def test_redis_without_a_url_is_refused(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match="set REDIS_URL as well"):
        Broadcast(app, backend="redis")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("BROADCAST_BACKEND", "kafka"),
        ("BROADCAST_APP_KEY", "a b"),
        ("BROADCAST_ACTIVITY_TIMEOUT", "0"),
        ("BROADCAST_ACTIVITY_TIMEOUT", "2592000"),
        ("BROADCAST_REDIS_URL", "http://localhost"),
        ("BROADCAST_BAKCEND", "redis"),
        ("BROADCAST_ORIGINS", "app.example.com"),
        ("BROADCAST_ORIGINS", "https://app.example.com/"),
        ("BROADCAST_ORIGINS", "https://App.example.com"),
        ("BROADCAST_ORIGINS", "*"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, app: Flask, key: str, value: str
) -> None:
    monkeypatch.setenv(key, value)
    with pytest.raises(ConfigurationError, match=key):
        Broadcast(app)


def test_origins_are_those_that_browsers_send(app: Flask) -> None:
    origins = ("https://app.example.com", "http://localhost:3000", "http://[::1]:3000", "app://rf")
    Broadcast(app, origins=origins)
    assert app.extensions["rf_broadcast"].options.origins == origins


def test_health_tells_deaf_from_without_redis(app: Flask, own_redis: RedisProcess) -> None:
    """Rule 16 of health."""
    broadcast = Broadcast(app, redis_url=own_redis.url)
    compiled = broadcast.compiled
    assert not compiled.listens()
    compiled.server._start()
    assert compiled.listens()
    assert compiled.check() is True
    assert isinstance(compiled.server.broker, RedisBroker)
    listener = compiled.server.broker._listener
    assert listener is not None
    listener.stop()
    listener.up = False
    assert compiled.check() is False
    own_redis.kill()
    answer = compiled.check()
    assert isinstance(answer, dict) and answer["status"] == "warn"


def test_a_forked_child_has_a_live_side_of_its_own(broadcast: Broadcast) -> None:
    parents = broadcast.compiled.server
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"own" if broadcast.compiled.server is not parents else b"shared")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"own"
    os.close(reader), os.close(writer)


def test_threads_that_ask_at_once_share_one_live_side(
    broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Broadcasting._make_server

    def make_slowly(self: Broadcasting) -> Server:
        made = make(self)
        time.sleep(0.1)
        return made

    monkeypatch.setattr(Broadcasting, "_make_server", make_slowly)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(lambda: broadcast.compiled.server) for _ in range(4)]
        assert len({id(each.result()) for each in asked}) == 1


def test_a_fork_that_exits_leaves_its_parents_live_side_alone(
    app: Flask, redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit = MagicMock()
    monkeypatch.setattr(atexit, "register", at_exit)
    # A busy machine may keep Redis silent for longer.
    monkeypatch.setattr("flask_rf.broadcast.redis.listener._DEAD_AFTER", 60.0)
    broadcast = Broadcast(app, redis_url=redis_server.url)
    ear = Ear(broadcast.compiled.server.broker)
    wait_until(lambda: ear.links == [True])
    child = os.fork()
    if child == 0:
        try:
            for (function, *arguments), _ in at_exit.call_args_list:
                function(*arguments)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    ear.broker.subscribe("orders")
    broadcast.to("orders").send("order.shipped")
    ear.wait_for(1)
    assert ear.links == [True] and at_exit.called
    ear.broker.stop()


def test_sockets_are_looked_after_also_after_what_nobody_foresaw(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_rf.broadcast.server._SWEEP", 0.01)
    server = Broadcast(app, activity_timeout=1).compiled.server
    once = itertools.chain([RuntimeError("a bug")], itertools.repeat(None))
    monkeypatch.setattr(server._residence, "tell_untold", MagicMock(side_effect=once))
    outbox = QueuedOutbox(4096, lambda: None)
    server.open(outbox, "192.0.2.1")
    heard = b""
    while b"pusher:ping" not in heard:
        heard += outbox.take(30) or pytest.fail("nobody looks after sockets any more")


@pytest.fixture
def client(app: Flask, broadcast: Broadcast) -> FlaskClient:
    return app.test_client()


def test_the_browsers_client_is_served_and_cached(client: FlaskClient) -> None:
    answer = client.get("/broadcasting/rf.js")
    assert answer.mimetype == "text/javascript"
    assert b"class RF" in answer.data or b"function RF" in answer.data
    again = client.get("/broadcasting/rf.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_a_plain_request_to_the_sockets_route_is_a_bad_request(client: FlaskClient) -> None:
    assert client.get("/app/flask-rf").status_code == 400


def test_other_websocket_routes_keep_their_reader(app: Flask) -> None:
    class TheirThread:
        def __init__(self, target: Any) -> None:
            self.target = target

    app.config["SOCK_SERVER_OPTIONS"] = {"thread_class": TheirThread, "ping_interval": 5}
    Broadcast(app)
    options = app.config["SOCK_SERVER_OPTIONS"]
    assert options["ping_interval"] == 5
    with app.test_request_context("/other"):
        assert isinstance(options["thread_class"](target=print), TheirThread)
