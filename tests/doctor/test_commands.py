from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask

from flask_rf import RF
from flask_rf.cli import rf as commands
from tests.parts.redis import RedisProcess


def doctor(app: Flask, *options: str) -> Result:
    return app.test_cli_runner().invoke(commands, ["doctor", *options], color=True)


@pytest.fixture
def healthy(app: Flask, redis_server: RedisProcess) -> Flask:
    app.config.update(
        SECRET_KEY="5c1f0a9e7d3b48f6a2e4c6b8d0917f35",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_PROXIES="10.0.0.0/8",
        REDIS_URL=redis_server.url,
        RATE_LIMIT_TIMEOUT=5,  # a busy machine's Redis is not to be blamed
    )
    return app


def test_an_app_that_nothing_would_hurt_exits_with_0(healthy: Flask) -> None:
    RF(healthy)
    result = doctor(healthy)
    assert result.exit_code == 0, result.output
    assert "Nothing would hurt" in result.output


def test_what_would_hurt_comes_first_in_red_with_its_mend_and_exits_with_1(
    healthy: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    RF(healthy)
    result = doctor(healthy)
    assert result.exit_code == 1
    first, mend = result.output.splitlines()[:2]
    assert first.startswith("\x1b[31m\x1b[1mhurts ")
    assert "debug mode" in first
    assert mend.strip() == "Mend: unset FLASK_DEBUG, and start without --debug."
    assert "1 would hurt" in result.output


def test_what_is_fine_is_said_when_asked_for(healthy: Flask) -> None:
    RF(healthy)
    assert "Debug mode is off." not in doctor(healthy).output
    assert "Debug mode is off." in doctor(healthy, "--all").output


def test_a_dead_redis_is_one_finding_among_the_others(healthy: Flask) -> None:
    healthy.config["REDIS_URL"] = "redis://:sesame@127.0.0.1:1/0"
    RF(healthy)
    result = doctor(healthy)
    assert result.exit_code == 1
    assert "does not answer" in result.output
    assert "sesame" not in result.output
    assert "Traceback" not in result.output


def test_an_app_without_flask_rf_is_told_so(app: Flask) -> None:
    result = doctor(app)
    assert result.exit_code == 1
    assert "add RF(app)" in result.output
