from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from redis.exceptions import ConnectionError

from flask_rf import signals
from flask_rf.redis import RedisOptions
from flask_rf.redis.announced import Announced
from flask_rf.redis.sender import commands_to
from tests.parts.redis import RedisProcess


def announced(url: str, app: Flask) -> Announced:
    return Announced(commands_to(url, RedisOptions(url=url), 20.0), app, "broadcast")


def test_who_listens_is_told_how_long_redis_took(app: Flask, redis_server: RedisProcess) -> None:
    told: list[dict[str, Any]] = []

    def listen(sender: Flask, **terms: Any) -> None:
        told.append(terms)

    with signals.redis_asked.connected_to(listen, app):
        announced(redis_server.url, app).execute("PING")
    assert told[0]["feature"] == "broadcast" and 0 < told[0]["seconds"] < 30


def test_a_receiver_that_fails_takes_no_answer_away(app: Flask, redis_server: RedisProcess) -> None:
    def fail(sender: Flask, **terms: Any) -> None:
        raise RuntimeError("a bug of the app")

    with signals.redis_asked.connected_to(fail, app):
        assert announced(redis_server.url, app).execute("PING") == b"PONG"
        assert announced(redis_server.url, app).execute_each([("PING",)]) == [b"PONG"]
        with pytest.raises(ConnectionError):
            announced("redis://127.0.0.1:1", app).execute("PING")
