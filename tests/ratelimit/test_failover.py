"""What a limiter does while Redis is away, and when it is back."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask

from flask_rf import Limiter
from flask_rf.signals import store_down
from flask_rf.signals import store_up
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.ratelimit.worlds import assert_only_probes_ask


def limited(app: Flask, redis: RedisProcess, limit: str = "3/minute", **terms: Any) -> Flask:
    limiter = Limiter(app, redis_url=redis.url, timeout=0.2)
    app.add_url_rule("/a", "a", limiter.limit(limit, **terms)(lambda: "a"))
    return app


def status(app: Flask) -> int:
    return app.test_client().get("/a").status_code


def test_without_redis_this_process_counts(app: Flask, own_redis: RedisProcess) -> None:
    limited(app, own_redis)
    own_redis.kill()

    assert [status(app) for _ in range(5)] == [200, 200, 200, 429, 429]


def test_a_limit_may_let_everything_through_instead(app: Flask, own_redis: RedisProcess) -> None:
    limited(app, own_redis, on_error="allow")
    own_redis.kill()

    assert [status(app) for _ in range(5)] == [200] * 5


def test_a_limit_may_refuse_everything_instead(app: Flask, own_redis: RedisProcess) -> None:
    limited(app, own_redis, on_error="deny")
    own_redis.kill()

    assert [status(app) for _ in range(5)] == [429] * 5


def test_redis_counts_again_as_soon_as_it_is_back(app: Flask, own_redis: RedisProcess) -> None:
    limited(app, own_redis, "1000/minute")
    own_redis.kill()
    for _ in range(5):
        status(app)

    own_redis.start()
    wait_until(lambda: status(app) == 200 and own_redis.client.keys(), 20)


def test_a_paused_redis_holds_up_a_few_requests_only(app: Flask, own_redis: RedisProcess) -> None:
    limited(app, own_redis, "1000/minute")
    status(app)
    own_redis.pause()
    for _ in range(4):
        assert status(app) == 200

    codes: list[int] = []
    assert_only_probes_ask(app, lambda: codes.extend(status(app) for _ in range(50)))
    own_redis.resume()

    assert codes == [200] * 50


def test_each_change_of_state_is_logged_and_announced_once(
    app: Flask, own_redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    limited(app, own_redis, "1000/minute")
    told: list[tuple[str, str]] = []

    def on_down(sender: Flask, feature: str, reason: str) -> None:
        told.append(("down", feature))

    def on_up(sender: Flask, feature: str, outage: float) -> None:
        told.append(("up", feature))

    with (
        store_down.connected_to(on_down, app),
        store_up.connected_to(on_up, app),
        caplog.at_level(logging.WARNING, "flask_rf"),
    ):
        own_redis.kill()
        for _ in range(20):
            status(app)
        own_redis.start()
        wait_until(lambda: status(app) == 200 and ("up", "ratelimit") in told)

    assert told == [("down", "ratelimit"), ("up", "ratelimit")]
    assert caplog.text.count("go on without Redis") == 1
    assert caplog.text.count("back on Redis") == 1


def test_a_receiver_that_fails_fails_no_request(
    app: Flask, own_redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    limited(app, own_redis, "1000/minute")
    told: list[str] = []

    def fails(sender: Flask, **terms: object) -> None:
        told.append("reason" if "reason" in terms else "outage")
        raise RuntimeError("the pager is away, too")

    with store_down.connected_to(fails, app), store_up.connected_to(fails, app):
        own_redis.kill()
        assert {status(app) for _ in range(20)} == {200}
        own_redis.start()
        wait_until(lambda: status(app) == 200 and "outage" in told)

    assert told == ["reason", "outage"]
    assert "A receiver of the signal store-down failed" in caplog.text


def test_a_password_in_the_url_is_in_no_log_line(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Limiter(app, redis_url="redis://:s3cret@127.0.0.1:1/0")
    app.add_url_rule("/a", "a", limiter.limit("5/minute")(lambda: "a"))
    for _ in range(4):
        assert status(app) == 200

    assert "s3cret" not in caplog.text
    assert "127.0.0.1:1" in caplog.text
