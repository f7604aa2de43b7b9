from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from redis.exceptions import TimeoutError

from flask_rf import Broadcast
from flask_rf import Health
from flask_rf import Limit
from flask_rf import Limiter
from flask_rf import RF
from flask_rf import SetupError
from flask_rf.health import RedisCheck
from flask_rf.redis.client import RedisOptions

from ..parts.processes import free_port
from ..parts.redis import RedisProcess

OPTIONS = RedisOptions(timeout=20.0, connect_timeout=20.0)
DENYING = {"on_error": "deny"}
DENYING_LIMIT = replace(Limit.per_minute(9), on_error="deny")

Declare = Callable[[Limiter], Any]


def report(app: Flask, path: str = "/health/ready") -> tuple[int, Any]:
    response = app.test_client().get(path)
    return response.status_code, response.get_json(force=True)


def test_rule_20_a_redis_that_answers_passes(redis_server: RedisProcess) -> None:
    RedisCheck(redis_server.url, OPTIONS, 20.0)()


def test_rule_16_it_uses_one_connection_of_its_own(own_redis: RedisProcess) -> None:
    before = len(own_redis.client.client_list())
    check = RedisCheck(own_redis.url, OPTIONS, 20.0)
    check(), check(), check()
    assert len(own_redis.client.client_list()) == before + 1
    assert check._server.client.connection_pool.max_connections == 1


@pytest.mark.parametrize(("timeout", "expected"), [(0.2, 0.2), (9.0, 1.0)])
def test_rule_16_its_sockets_wait_no_longer_than_the_deadline(
    timeout: float, expected: float
) -> None:
    options = RedisOptions(timeout=timeout, connect_timeout=timeout)
    check = RedisCheck("redis://127.0.0.1/0?socket_timeout=20", options, 1.0)

    made = check._server.client.connection_pool.connection_kwargs

    assert made["socket_timeout"] == made["socket_connect_timeout"] == expected


def test_rule_16_a_stalled_redis_times_out(own_redis: RedisProcess) -> None:
    check = RedisCheck(own_redis.url, OPTIONS, 1.0)
    check()
    own_redis.pause()
    with pytest.raises(TimeoutError):
        check()
    own_redis.resume()
    check()


def test_rule_05_an_unreachable_redis_is_a_warning(app: Flask) -> None:
    app.config.update(
        REDIS_URL=f"redis://:hunter2@127.0.0.1:{free_port()}/0", HEALTH_DETAILS="always"
    )
    Health(app)
    status, body = report(app)
    assert (status, body["status"]) == (200, "warn")
    assert body["checks"]["redis"][0]["output"] == "raised ConnectionError"
    assert "hunter2" not in str(body)


def test_rule_05_a_redis_the_app_needs_is_critical(app: Flask) -> None:
    app.config.update(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", HEALTH_REDIS_CRITICAL=True)
    Health(app)
    assert report(app) == (503, {"status": "fail"})


def test_rule_05_a_redis_that_limits_do_not_do_without_is_critical(
    app: Flask, own_redis: RedisProcess
) -> None:
    app.config.update(
        REDIS_URL=own_redis.url,
        RATE_LIMIT_DEFAULT="9/minute",
        RATE_LIMIT_ON_ERROR="deny",
        HEALTH_CACHE=0,
    )
    RF(app)
    app.add_url_rule("/", view_func=lambda: "")
    client = app.test_client()
    assert (client.get("/").status_code, report(app)[0]) == (200, 200)
    own_redis.kill()
    assert (client.get("/").status_code, report(app)[0]) == (429, 503)


def as_limited(limits: Any, **terms: Any) -> Declare:
    return lambda limiter: limiter.limit(limits, **terms)(view)


def view() -> str:
    return ""


@pytest.mark.parametrize(
    ("declare", "settings", "expected"),
    [
        (as_limited("9/minute"), {}, 200),
        (as_limited("9/minute"), {"RATE_LIMIT_ON_ERROR": "allow"}, 200),
        (as_limited("9/minute"), {"RATE_LIMIT_ON_ERROR": "deny"}, 503),
        (as_limited("9/minute", on_error="local"), {"RATE_LIMIT_ON_ERROR": "deny"}, 200),
        (as_limited("9/minute", **DENYING), {}, 503),
        (as_limited("9/minute", **DENYING, shadow=True), {}, 200),
        (as_limited("9/minute", **DENYING), {"RATE_LIMIT_ENABLED": False}, 200),
        (as_limited("9/minute", **DENYING), {"HEALTH_REDIS_CRITICAL": False}, 200),
        (as_limited("9/minute", **DENYING), {"RATE_LIMIT_BACKEND": "memory"}, 200),
        (as_limited(lambda: "9/minute"), {"RATE_LIMIT_ON_ERROR": "deny"}, 503),
        (as_limited(lambda: "9/minute", **DENYING), {}, 503),
        (as_limited(lambda: "9/minute", **DENYING, shadow=True), {}, 200),
        (lambda limiter: view, {"RATE_LIMIT_ON_ERROR": "deny"}, 200),
        (lambda limiter: limiter.concurrency(1, on_error="deny")(view), {}, 503),
        (lambda limiter: view, {"RATE_LIMIT_APPLICATION": [Limit.per_minute(9)]}, 200),
    ],
)
def test_rule_05_redis_is_critical_where_a_limit_denies_without_it(
    app: Flask, declare: Declare, settings: dict[str, Any], expected: int
) -> None:
    app.config.update(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", **settings)
    limiter = Limiter(app)
    Health(app)
    app.add_url_rule("/", view_func=declare(limiter))
    assert report(app)[0] == expected


@pytest.mark.parametrize(("limits", "terms"), [("9/minute", DENYING), (lambda: DENYING_LIMIT, {})])
def test_rule_05_limits_that_only_requests_know_make_it_critical_once_they_are_met(
    app: Flask, limits: Any, terms: dict[str, Any]
) -> None:
    app.config.update(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", HEALTH_CACHE=0)
    limiter = Limiter(app)
    Health(app)

    @app.get("/")
    def block() -> str:
        with limiter.limit(limits, **terms):
            return ""

    assert report(app)[0] == 200
    assert app.test_client().get("/").status_code == 429
    assert report(app)[0] == 503


def test_rule_05_broadcasting_goes_on_within_a_worker(app: Flask) -> None:
    app.config.update(BROADCAST_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    Broadcast(app)
    Health(app, details="always")
    status, body = report(app)
    assert (status, body["status"]) == (200, "warn")
    assert body["checks"]["redis:broadcast"][0]["status"] == "warn"


@pytest.mark.parametrize("order", list(permutations([Broadcast, Health, Limiter])))
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"REDIS_URL": "a"}, ["redis"]),
        ({"REDIS_URL": "a", "RATE_LIMIT_REDIS_URL": "a"}, ["redis"]),
        ({"REDIS_URL": "a", "RATE_LIMIT_REDIS_URL": "b"}, ["redis", "redis:ratelimit"]),
        ({"RATE_LIMIT_REDIS_URL": "b"}, ["redis:ratelimit"]),
        ({"RATE_LIMIT_REDIS_URL": "b", "RATE_LIMIT_BACKEND": "memory"}, []),
        ({"BROADCAST_REDIS_URL": "b", "BROADCAST_BACKEND": "memory"}, []),
        (
            {"RATE_LIMIT_REDIS_URL": "b", "BROADCAST_REDIS_URL": "c"},
            ["redis:broadcast", "redis:ratelimit"],
        ),
        (
            {"RATE_LIMIT_REDIS_URL": "b", "BROADCAST_REDIS_URL": "b"},
            ["redis:broadcast+ratelimit"],
        ),
    ],
)
def test_each_redis_has_one_check(
    app: Flask, order: tuple[Any, ...], settings: dict[str, str], expected: list[str]
) -> None:
    ports = {name: free_port() for name in "abc"}
    urls = {k: f"redis://127.0.0.1:{ports[v]}/0" if v in ports else v for k, v in settings.items()}
    app.config.update(urls, HEALTH_DETAILS="always")
    for feature in order:
        feature(app)
    checks = report(app, "/health")[1]["checks"]
    assert sorted(name for name in checks if name.startswith("redis")) == expected
    assert {checks[name][0]["status"] for name in expected} <= {"warn"}


def test_a_redis_of_the_limits_alone_is_critical_by_itself(
    app: Flask, redis_server: RedisProcess
) -> None:
    app.config.update(
        REDIS_URL=redis_server.url,
        RATE_LIMIT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
        RATE_LIMIT_PER_MINUTE=9,
        RATE_LIMIT_ON_ERROR="deny",
        HEALTH_DETAILS="always",
    )
    RF(app)
    app.add_url_rule("/", view_func=view)
    status, body = report(app)
    statuses = {name: found[0]["status"] for name, found in body["checks"].items()}
    assert (status, statuses) == (503, {"redis": "pass", "redis:ratelimit": "fail"})


def test_a_check_of_ones_own_takes_no_redis_check_away(app: Flask) -> None:
    app.config["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(SetupError, match="'redis' exists already"):
        Health(app).add("redis", view)


def test_a_redis_that_comes_back_passes_again(app: Flask, own_redis: RedisProcess) -> None:
    app.config.update(REDIS_URL=own_redis.url, HEALTH_REDIS_CRITICAL=True, HEALTH_CACHE=0)
    Health(app)
    assert report(app)[0] == 200
    own_redis.kill()
    assert report(app)[0] == 503
    own_redis.start()
    assert report(app)[0] == 200


def test_an_app_without_redis_has_no_such_check(app: Flask) -> None:
    Health(app, details="always")
    assert "redis" not in report(app, "/health")[1]["checks"]
