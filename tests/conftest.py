from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.parts.redis import RedisProcess

_PREFIXES = ("REDIS_", "RF_", "RATE_LIMIT_", "BROADCAST_", "CORS_", "COMPRESS_")
_PREFIXES += ("REQUEST_ID_", "HEALTH_", "METRICS_", "STORAGE_", "TRUSTED_PROXIES")
_PARTS = {"RF_REDIS_SERVER"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the minutes-long soaks too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        soaks = [item for item in items if "soak" in item.keywords]
        items[:] = [item for item in items if "soak" not in item.keywords]
        config.hook.pytest_deselected(items=soaks)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine's environment must not reach a test."""
    for key in list(os.environ):
        if key.startswith(_PREFIXES) and key not in _PARTS:
            monkeypatch.delenv(key)


@pytest.fixture
def app() -> Flask:
    app = Flask("shop")
    app.config["SECRET_KEY"] = "a secret of the tests"
    return app


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis_server(_redis: RedisProcess) -> RedisProcess:
    """The session's real Redis, emptied. Tests that hurt theirs use ``own_redis``."""
    _redis.client.flushall()
    return _redis


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A real Redis of this test's own, to kill and restart."""
    server = RedisProcess(tmp_path_factory.mktemp("own-redis"))
    yield server
    server.stop()
