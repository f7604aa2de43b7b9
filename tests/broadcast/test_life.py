"""Signs of life: nothing delays them, and what they tell."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import pytest

from flask_rf.broadcast.redis import life
from flask_rf.broadcast.redis.keys import Keyspace
from flask_rf.broadcast.redis.life import Life
from flask_rf.redis import RedisOptions
from flask_rf.redis.sender import commands_to
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

KEYS = Keyspace("shop:1:1")
SERVERS = KEYS.servers()
Start = Callable[..., Life]


@pytest.fixture
def start(redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(life, "HEARTBEAT", 0.1)
    commands = commands_to(redis_server.url, RedisOptions(), 5)
    started = []

    def make(
        bury: Callable[[str], Iterable[int]] = lambda server_id: [],
        state_anew: Callable[[], None] = lambda: None,
    ) -> Life:
        started.append(Life(commands, KEYS, "here", bury, state_anew, lambda: None))
        assert redis_server.client.zscore(SERVERS, "here")
        return started[-1]

    yield make
    for each in started:
        each.stop()
        each.join(5)
    commands.close()


def shows_life(client: Any) -> None:
    """Wait for further signs of it."""
    for _ in range(3):
        last = client.zscore(SERVERS, "here")
        wait_until(lambda: client.zscore(SERVERS, "here") > last, what="a sign of life")  # noqa: B023


def test_taking_a_dead_servers_members_off_delays_no_sign_of_life(
    start: Start, redis_server: RedisProcess
) -> None:
    buried, go_on = threading.Event(), threading.Event()

    def bury(server_id: str) -> Iterator[int]:
        buried.set()
        go_on.wait(60)
        yield 1

    redis_server.client.zadd(SERVERS, {"living": 2**40, "dead": 1})
    start(bury=bury)
    assert buried.wait(30)
    shows_life(redis_server.client)
    go_on.set()
    wait_until(lambda: redis_server.client.zscore(SERVERS, "dead") is None, what="its end")


def test_stating_itself_anew_delays_no_sign_of_life(
    start: Start, redis_server: RedisProcess
) -> None:
    stated, go_on = threading.Event(), threading.Event()

    def state_anew() -> None:
        stated.set()
        go_on.wait(60)

    start(state_anew=state_anew)
    redis_server.client.delete(SERVERS)
    assert stated.wait(30)
    shows_life(redis_server.client)
    go_on.set()


def test_a_server_whose_members_others_have_begun_to_take_off_states_itself_anew(
    start: Start, redis_server: RedisProcess
) -> None:
    stated = threading.Semaphore(0)
    start(state_anew=stated.release)
    for what in ("another's id", ""):  # while it is done, and after it was found to live
        redis_server.client.set(KEYS.lease("here"), what)
        assert stated.acquire(timeout=30)
        wait_until(lambda: redis_server.client.get(KEYS.lease("here")) is None)


def test_a_time_in_which_nobody_could_show_life_makes_nobody_older(
    start: Start, redis_server: RedisProcess
) -> None:
    redis_server.client.zadd(SERVERS, {"living": 1000, "late": 1000 - 12, "dead": 1000 - 60})
    buried = []
    start(bury=lambda server_id: buried.append(server_id) or [])  # type: ignore[func-returns-value]
    wait_until(lambda: buried, what="the dead one to be found")
    assert buried == ["dead"]
    scores = dict(redis_server.client.zrange(SERVERS, 0, -1, withscores=True))
    assert 11.9 < scores[b"living"] - scores[b"late"] < 12.1
    assert scores[b"living"] > 10**9
