from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import fakeredis
import pytest

from flask_rf.ratelimit import stores
from flask_rf.ratelimit.memory import MemoryStore
from flask_rf.ratelimit.policy import LETTERS
from tests.ratelimit.worlds import MemoryWorld
from tests.ratelimit.worlds import RedisWorld
from tests.ratelimit.worlds import START
from tests.ratelimit.worlds import stop_the_clock
from tests.ratelimit.worlds import World


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not be taken for a lost Redis; tests of lost ones set their own."""
    monkeypatch.setenv("RATE_LIMIT_TIMEOUT", "5")


@pytest.fixture
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory whose time stands still, so that waits are told to the second."""
    still = partial(MemoryStore, clock=lambda: START * 1000)
    monkeypatch.setattr(stores, "MemoryStore", still)


@pytest.fixture(params=LETTERS)
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Every kind of store, its time under the test's control."""
    if request.param == "memory":
        yield MemoryWorld()
        return
    stop_the_clock(monkeypatch.setattr)
    if request.param == "redis":
        yield RedisWorld(request.getfixturevalue("redis_server").client)
        return
    client = fakeredis.FakeRedis()
    yield RedisWorld(client)
    client.close()
