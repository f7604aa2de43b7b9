from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator

import pytest

from flask_rf.broadcast.redis import cleaner
from flask_rf.broadcast.redis.cleaner import Cleaner
from flask_rf.broadcast.redis.keys import Keyspace
from flask_rf.redis import RedisOptions
from flask_rf.redis.sender import Commands
from flask_rf.redis.sender import commands_to
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

KEYS = Keyspace("shop:1:1")
LEASE = KEYS.lease("dead")


@pytest.fixture
def commands(redis_server: RedisProcess) -> Iterator[Commands]:
    redis_server.client.zadd(KEYS.servers(), {"dead": 1})
    commands = commands_to(redis_server.url, RedisOptions(), 5)
    yield commands
    commands.close()


class Survivor:
    """
    :ivar begun: how often it began to take something off.
    :ivar parts: how many parts it has taken off.
    """

    def __init__(self, commands: Commands, name: str, parts: int = 3) -> None:
        self.begun = self.parts = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self.goes_on = True
        self._of = parts
        self._cleaner = Cleaner(commands, KEYS, name, self._bury, lambda: self.goes_on)

    def clean(self) -> None:
        self._cleaner.clean(["dead"], 10)

    def _bury(self, server_id: str) -> Iterator[int]:
        assert server_id == "dead"
        self.begun += 1
        for _ in range(self._of):
            self.meanwhile()
            self.parts += 1
            yield 1


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaner, "_RENEWAL", -1.0)


def test_what_a_dead_server_left_is_taken_off_and_then_the_server(
    commands: Commands, redis_server: RedisProcess
) -> None:
    survivor = Survivor(commands, "one")
    survivor.clean()
    assert survivor.parts == 3
    assert redis_server.client.keys("{shop:1:1}*") == []
    survivor.clean()
    assert survivor.begun == 1


def test_one_survivor_does_it_at_a_time(commands: Commands) -> None:
    one, other = Survivor(commands, "one"), Survivor(commands, "other")
    one.meanwhile = other.clean
    one.clean()
    assert (one.parts, other.begun) == (3, 0)


def test_another_takes_over_from_one_that_is_silent(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner, "LEASE", 1)
    silent, other = Survivor(commands, "one"), Survivor(commands, "other")
    silent.meanwhile = lambda: wait_until(lambda: other.clean() or other.begun, what="the other")
    silent.clean()
    assert (silent.parts, other.parts) == (1, 3)


def test_the_lease_holds_for_as_long_as_it_takes(
    commands: Commands, redis_server: RedisProcess
) -> None:
    survivor = Survivor(commands, "one")
    lasts: list[int] = []

    def let_time_pass() -> None:
        lasts.append(redis_server.client.pttl(LEASE))
        redis_server.client.pexpire(LEASE, 500)

    survivor.meanwhile = let_time_pass
    survivor.clean()
    assert len(lasts) == 3
    assert min(lasts) > 500


def test_a_server_that_stops_leaves_the_rest_to_others(commands: Commands) -> None:
    one, other = Survivor(commands, "one"), Survivor(commands, "other")

    def stop() -> None:
        one.goes_on = False

    one.meanwhile = stop
    one.clean()
    assert one.parts == 1
    wait_until(lambda: other.clean() or other.begun, what="the end of the lease")


def test_a_server_that_was_held_up_only_is_left_alone_and_hears_that_it_was_disturbed(
    commands: Commands, redis_server: RedisProcess
) -> None:
    survivor = Survivor(commands, "one")
    survivor.meanwhile = lambda: redis_server.client.zadd(KEYS.servers(), {"dead": 2**40})
    survivor.clean()
    assert survivor.parts == 1
    assert redis_server.client.get(LEASE) == b""
    assert 0 < redis_server.client.ttl(LEASE) <= 60

    redis_server.client.zadd(KEYS.servers(), {"dead": 1})  # it dies without having heard of it
    survivor.meanwhile = lambda: None
    survivor.clean()
    assert survivor.parts == 4


def test_several_dead_servers_are_shared(commands: Commands, redis_server: RedisProcess) -> None:
    redis_server.client.zadd(KEYS.servers(), {"other": 1})
    begun: dict[str, list[str]] = {"a": [], "b": []}
    meeting = threading.Barrier(2)

    def survivor(name: str) -> Cleaner:
        def bury(server_id: str) -> Iterator[int]:
            begun[name].append(server_id)
            meeting.wait(30)
            yield 1

        return Cleaner(commands, KEYS, name, bury, lambda: True)

    threads = [
        threading.Thread(target=survivor(name).clean, args=(["dead", "other"], 10))
        for name in begun
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun["a"] + begun["b"]) == ["dead", "other"]
