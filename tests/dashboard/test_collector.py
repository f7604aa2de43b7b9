"""What a process gathers, from what features announce."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from flask_rf import Limiter
from flask_rf import signals
from flask_rf.dashboard.collector import Collector
from flask_rf.dashboard.collector import HISTORY


@pytest.fixture
def collector(app: Flask) -> Collector:
    return Collector(app)


def test_a_second_of_requests_and_limits(app: Flask, collector: Collector) -> None:
    limiter = Limiter(app)
    app.add_url_rule("/", view_func=limiter.limit("2/hour")(lambda: ""))
    for _ in range(3):
        app.test_client().get("/").close()
    told = collector.tick(100, sockets=7)
    assert (told["second"], told["sockets"], told["active"]) == (100, 7, 0)
    assert told["classes"] == [0, 2, 0, 1, 0]
    assert told["routes"][0][:2] == ["GET /", 3]
    assert told["limits"] == [["2/hour", 2, 1, 0]]
    assert [key[:4] for key in told["keys"]["denied"]] == [["127.0.0.1", "2/hour", 1, 0]]
    assert [key[:4] for key in told["keys"]["near"]] == [["127.0.0.1", "2/hour", 1, 0]]


def test_the_next_second_begins_at_nothing(app: Flask, collector: Collector) -> None:
    app.test_client().get("/").close()
    collector.tick(100, sockets=0)
    assert collector.tick(101, sockets=0)["classes"] == [0, 0, 0, 0, 0]


def test_a_second_of_events_and_redis(app: Flask, collector: Collector) -> None:
    send: Any = signals
    send.message_received.send(app, socket_id="1.1")
    send.events_delivered.send(app, messages=5, delays=[0.002])
    send.event_published.send(app, channel="chat", event="e", size=1)
    send.event_dropped.send(app, channel="chat", kind="webhook", reason="")
    send.redis_asked.send(app, feature="ratelimit", seconds=0.002)
    collector.beat(0.25), collector.beat(0.1)
    told = collector.tick(100, sockets=0)
    assert told["messages"] == [1, 5]
    assert (told["published"], told["dropped"]) == (1, 1)
    assert told["redis"] == [1, 2.0, 2.0]
    assert told["late"] == 250


def test_a_redis_that_is_lost_is_told_until_it_is_back(app: Flask, collector: Collector) -> None:
    signals.store_down.send(app, feature="ratelimit", reason="")
    assert collector.tick(100, sockets=0)["lost"] == ["ratelimit"]
    signals.store_up.send(app, feature="ratelimit", outage=1.0)
    assert collector.tick(101, sockets=0)["lost"] == []


def test_another_app_is_not_counted(app: Flask, collector: Collector) -> None:
    signals.event_published.send(Flask("other"), channel="chat", event="e", size=1)
    assert collector.tick(100, sockets=0)["published"] == 0


def test_two_minutes_are_kept(collector: Collector) -> None:
    for second in range(1000):
        collector.tick(second, sockets=0)
    assert len(collector.history) == HISTORY
    assert collector.history[-1]["second"] == 999


def test_what_the_process_uses_is_told(collector: Collector) -> None:
    collector.tick(100, sockets=0)
    process = collector.tick(101, sockets=0)["process"]
    assert process["memory"] > 1_000_000
    assert 0 <= process["cpu"] < 100 and process["uptime"] >= 0


def test_no_count_is_lost_between_threads(app: Flask, collector: Collector) -> None:
    def count() -> None:
        for _ in range(2000):
            collector._received(app)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    received = 0
    while any(thread.is_alive() for thread in threads):
        received += collector.tick(0, sockets=0)["messages"][0]
    for thread in threads:
        thread.join(20)
    assert received + collector.tick(0, sockets=0)["messages"][0] == 8000
