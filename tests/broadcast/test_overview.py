"""What an operator sees of broadcasting; both back ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from flask_rf import Broadcast
from flask_rf import signals
from flask_rf.broadcast.overview import Overview
from flask_rf.errors import RedisUnavailable
from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import free_port
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess


@pytest.fixture(params=["memory", "redis"])
def overview(
    request: pytest.FixtureRequest, app: Flask, redis_server: RedisProcess
) -> Iterator[Overview]:
    if request.param == "redis":
        app.config["REDIS_URL"] = redis_server.url
    compiled = Broadcast(app).compiled
    compiled.server._start()
    yield compiled.overview
    compiled.server.stop()


def test_nobody_listens_at_first(overview: Overview) -> None:
    assert overview.connections() == 0
    assert overview.subscribers("chat") == 0
    assert overview.busiest(5) == (0, [])


def test_subscriptions_are_counted_on_all_servers(overview: Overview) -> None:
    server = overview._broadcasting.server
    server.broker.count("chat", 3)
    wait_until(lambda: overview.subscribers("chat") == 3)


def test_an_event_is_told_and_neither_announced_nor_counted(app: Flask, overview: Overview) -> None:
    heard: list[object] = []
    with signals.event_published.connected_to(lambda *_, **facts: heard.append(facts), app):
        overview.tell("private-board", "now", "{}")
    assert heard == []


def test_a_dead_redis_is_an_error(app: Flask) -> None:
    app.config["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    overview = Broadcast(app).compiled.overview
    assert overview.connections() == 0
    with pytest.raises(RedisUnavailable):
        overview.subscribers("chat")
    with pytest.raises(RedisUnavailable):
        overview.tell("chat", "now", "{}")


@pytest.mark.servers
def test_the_largest_channels_are_told_with_who_is_present(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisProcess
) -> None:

    folder = tmp_path_factory.mktemp("overview")
    server = Gunicorn(
        "tests.apps.overseen:app", folder, "--workers", "1", REDIS_URL=redis_server.url
    )
    try:
        sockets = [Socket(server.port) for _ in range(3)]
        for socket in sockets:
            socket.subscribe("chat")
        sockets[0].subscribe("news")
        for socket in sockets[:2]:
            socket.subscribe("presence-room.1", user="ann")
        expected = [3, [["chat", 3, 0], ["presence-room.1", 2, 1], ["news", 1, 0]]]
        wait_until(lambda: server.get_json("/busiest") == expected)
        assert server.get_json("/connections") == 3
    finally:
        server.stop()
