from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import MutableMapping
from pathlib import Path
from weakref import WeakSet

import pytest
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings
from prometheus_client import REGISTRY

from flask_rf import lifecycle
from flask_rf.metrics import families
from tests.parts.redis import RedisProcess
from tests.parts.sentinel import SentinelProcesses

_SETTINGS = ("REDIS_", "RF_", "RATE_LIMIT_", "BROADCAST_", "CORS_", "COMPRESS_", "ACCESS_LOG")
_SETTINGS += ("REQUEST_ID_", "HEALTH_", "METRICS_", "STORAGE_", "TRUSTED_PROXIES")
_SETTINGS += ("PROMETHEUS_",)  # prometheus-client's
_SETTINGS += ("FLASK_", "GUNICORN_CMD_ARGS", "WEB_CONCURRENCY")  # those of what runs the apps
Logged = Callable[[], list[logging.LogRecord]]

_PARTS = {"RF_REDIS_SERVER", "RF_POSTGRES_BIN", "RF_PROMETHEUS_BIN", "RF_SWIFT_PYTHON"}

# No test is decided by how fast a busy machine is.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ordinary", _UNTIMED, max_examples=50)
settings.register_profile("patched", _UNTIMED, max_examples=10)  # what is pure was tried before
settings.register_profile("full", _UNTIMED, max_examples=500)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the minutes-long soaks too")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("full" if config.getoption("--full") else "ordinary")
    _leave_settings_out_of(os.environ)


def _leave_settings_out_of(environment: MutableMapping[str, str]) -> None:
    """Settings of the machine's environment must reach neither a test nor a server."""
    for key in list(environment):
        if key.startswith(_SETTINGS) and key not in _PARTS:
            del environment[key]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        soaks = [item for item in items if "soak" in item.keywords]
        items[:] = [item for item in items if "soak" not in item.keywords]
        config.hook.pytest_deselected(items=soaks)


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker starts and stops every app of its process; the apps of earlier tests are none."""
    monkeypatch.setattr(lifecycle, "_apps", WeakSet())


@pytest.fixture
def _forget_families() -> Iterator[None]:
    """Take what a test adds to the process's families of metrics away again."""
    known = dict(families._families)
    yield
    for name in set(families._families) - set(known):
        REGISTRY.unregister(families._families.pop(name)[1])


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """What this thread has logged; those of earlier tests may still have something to say."""
    thread = threading.get_ident()
    return lambda: [record for record in caplog.records if record.thread == thread]


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


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[SentinelProcesses]:
    """A primary, its replica and a Sentinel of the test's own, to be killed."""
    processes = SentinelProcesses(tmp_path)
    yield processes
    processes.stop()
