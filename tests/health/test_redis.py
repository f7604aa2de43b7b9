from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from redis.exceptions import TimeoutError

from flask_rf import Health
from flask_rf.health import RedisCheck
from flask_rf.redis.client import RedisOptions

from ..parts.processes import free_port
from ..parts.redis import RedisProcess

OPTIONS = RedisOptions(timeout=20.0, connect_timeout=20.0)


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
