"""The series of the other features, from what they announce."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_rf import Broadcast
from flask_rf import Health
from flask_rf import Limiter
from flask_rf import Metrics
from flask_rf import signals
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

from .conftest import Sample

DECISIONS = "flask_rf_ratelimit_decisions_total"


@pytest.fixture
def measured(app: Flask) -> Flask:
    Metrics(app)
    return app


def test_limits_decisions_are_counted_by_limit_and_outcome(measured: Flask, sample: Sample) -> None:
    limiter = Limiter(measured)
    measured.add_url_rule("/", view_func=limiter.limit("2/hour")(lambda: ""))
    client = measured.test_client()
    for _ in range(5):
        client.get("/").close()
    assert sample(DECISIONS, limit="2/hour", outcome="allowed") == 2
    assert sample(DECISIONS, limit="2/hour", outcome="denied") == 3
    assert sample("flask_rf_ratelimit_decision_seconds_count") == 5


def test_a_shadow_limits_breach_denies_nobody(measured: Flask, sample: Sample) -> None:
    limiter = Limiter(measured)
    measured.add_url_rule("/", view_func=limiter.limit("1/day", shadow=True)(lambda: ""))
    for _ in range(2):
        assert measured.test_client().get("/").status_code == 200
    assert sample(DECISIONS, limit="1/day", outcome="shadowed") == 1


def test_limits_without_end_share_a_series(measured: Flask) -> None:
    for number in range(5000):
        outcomes = [(f"{number}/minute", "allowed")]
        signals.limits_decided.send(measured, outcomes=outcomes, seconds=0.0)
    decisions = measured.extensions["rf_metrics"]._features[0]._decisions
    assert len(decisions._bound) <= decisions._most + 2


def test_redis_is_timed_and_told_to_be_down_and_up(
    app: Flask, own_redis: RedisProcess, sample: Sample
) -> None:
    app.config.update(REDIS_URL=own_redis.url, RATE_LIMIT_DEFAULT="1000/hour")
    Metrics(app)
    Limiter(app)
    app.add_url_rule("/", view_func=lambda: "")
    client = app.test_client()
    client.get("/")
    assert sample("flask_rf_redis_command_seconds_count") >= 1
    assert value("flask_rf_redis_up") == 1
    own_redis.kill()
    wait_until(lambda: client.get("/") and value("flask_rf_redis_up") == 0)
    own_redis.start()
    wait_until(lambda: client.get("/") and value("flask_rf_redis_up") == 1)


def test_redis_is_up_once_it_answers_every_feature(measured: Flask) -> None:
    for feature in ("ratelimit", "broadcast"):
        signals.store_down.send(measured, feature=feature, reason="")
    signals.store_up.send(measured, feature="ratelimit", outage=1.0)
    assert value("flask_rf_redis_up") == 0
    signals.store_up.send(measured, feature="broadcast", outage=1.0)
    assert value("flask_rf_redis_up") == 1


def test_events_are_counted_and_what_is_given_up_by_kind(
    app: Flask, own_redis: RedisProcess, sample: Sample
) -> None:
    app.config["REDIS_TIMEOUT"] = 10
    Metrics(app)
    broadcast = Broadcast(app, redis_url=own_redis.url)
    broadcast.to("chat", "news").send("message")
    assert sample("flask_rf_broadcast_published_total") == 2
    own_redis.kill()
    broadcast.to("chat").send("message", on_error="drop")
    assert sample("flask_rf_ws_dropped_total", reason="unpublished") == 1


@pytest.mark.parametrize("kind", ["slow_reader", "webhook"])
def test_dropped_queues_are_counted_by_kind(app: Flask, sample: Sample, kind: str) -> None:
    Metrics(app)
    server = Broadcast(app, webhooks="http://127.0.0.1/").compiled.server
    if kind == "slow_reader":
        server.dropped()
    else:
        server.webhooks._receivers[0]._drop([{"channel": "chat"}], "its queue is full")
    assert sample("flask_rf_ws_dropped_total", reason=kind) == 1


def test_health_checks_are_told_by_what_they_came_to(measured: Flask) -> None:
    health = Health(measured, cache=0, timeout=60, total_timeout=60)
    answers: dict[str, Any] = {"a": True, "b": {"status": "warn"}, "c": False}
    for name in answers:
        health.add(name, lambda name=name: answers[name])
    measured.test_client().get("/health")
    found = [value("flask_rf_health_status", check=name) for name in answers]
    assert found == [1, 0.5, 0]
    answers["c"] = True
    measured.test_client().get("/health")
    assert value("flask_rf_health_status", check="c") == 1


def test_operations_on_files_are_timed_by_disk_and_outcome(measured: Flask, sample: Sample) -> None:
    facts = {"disk": "local", "operation": "put", "outcome": "ok", "seconds": 0.2, "bytes": 7}
    signals.storage_operation.send(measured, **facts)
    labels = {"disk": "local", "op": "put", "outcome": "ok"}
    assert sample("flask_rf_storage_op_seconds_count", **labels) == 1


def value(name: str, **labels: str) -> float | None:
    from prometheus_client import REGISTRY

    return REGISTRY.get_sample_value(name, labels)
