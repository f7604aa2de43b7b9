"""A server dies with as many members as it may have: gone once, all of them, and nobody else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

import flask_rf.broadcast.redis.life as life
from flask_rf.broadcast.redis.life import Life
from flask_rf.broadcast.session import Member
from tests.broadcast.conftest import _cluster  # noqa: F401
from tests.broadcast.conftest import redis_cluster  # noqa: F401
from tests.broadcast.ears import Ear
from tests.broadcast.test_brokers import over
from tests.parts.processes import wait_until
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers

MEMBERS = 20_000  # the default of BROADCAST_MAX_CONNECTIONS
ROOMS = [f"presence-{n}" for n in range(100)]
REMOVED = "pusher_internal:member_removed"
PATIENCE = 120  # seconds; a test that waits for all of it has failed


@pytest.fixture(autouse=True)
def _quick_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "HEARTBEAT", 0.5)
    monkeypatch.setattr(
        life, "DEAD_AFTER", 6
    )  # seconds; a busy machine holds a process up for some


@pytest.fixture
def start() -> Iterator[Callable[..., Ear]]:
    """Starts servers, each as a process of its own would; or, not ``alive``, one that listens."""
    ears: list[Ear] = []

    def make(url: str, alive: bool = True, kind: type[Ear] = Ear) -> Ear:
        with pytest.MonkeyPatch.context() as patch:
            for sign_of_life in ("_beat", "_live") if not alive else ():
                patch.setattr(Life, sign_of_life, lambda self: None)
            ears.append(kind(over(url, timeout=5)))
        for room in ROOMS if not alive else ():
            ears[-1].broker.subscribe(room)
        return ears[-1]

    yield make
    for ear in ears:
        ear.broker.stop()


@pytest.fixture
def slow_network(redis_server: RedisProcess) -> Iterator[FaultProxy]:
    proxy = FaultProxy(redis_server.port)
    proxy.delay = 0.003
    yield proxy
    proxy.close()


def leave_a_dead_server(ear: Ear, client: Any) -> None:
    """What is there when one has died that had :data:`MEMBERS`, of which one is elsewhere, too."""
    keys = ear.broker._keys  # type: ignore[attr-defined]
    pipe = client.pipeline()
    for n in range(MEMBERS):
        room, user, socket_id = ROOMS[n % len(ROOMS)], f"user-{n}", f"1.{n}"
        sockets, users, counts = keys.presence(room)
        pipe.hset(sockets, socket_id, user), pipe.hset(users, user, "null")
        pipe.hincrby(counts, user, 1)
        entries = keys.entries(keys.partition(room), "dead")
        pipe.sadd(entries, f"{socket_id} {room} {user}")
    pipe.execute()
    ear.broker.join(ROOMS[0], "2.1", Member("user-0"), MEMBERS)
    ear.broker.join(ROOMS[0], "2.2", Member("here"), MEMBERS)
    client.zadd(keys.servers(), {"dead": 1})


def gone(ear: Ear) -> Counter[str]:
    """How often each user was said to have left, as far as it has been heard."""
    told = [json.loads(e.payload) for _, e in list(ear.events) if REMOVED.encode() in e.payload]
    return Counter(json.loads(message["data"])["user_id"] for message in told)


def wait_for_the_end(ear: Ear, client: Any) -> None:
    servers = ear.broker._keys.servers()  # type: ignore[attr-defined]
    wait_until(lambda: client.zscore(servers, "dead") is None, PATIENCE, "the clearing away")


def all_are_gone_once(ear: Ear) -> None:
    wait_until(lambda: ear.names().count(REMOVED) >= MEMBERS - 1, PATIENCE, "word of everybody")
    assert gone(ear) == Counter(f"user-{n}" for n in range(1, MEMBERS))
    assert {user for room in ROOMS for user in ear.broker.users(room)} == {"user-0", "here"}


def test_a_slow_survivor_takes_20_000_members_off_and_is_not_taken_for_dead_itself(
    redis_server: RedisProcess, slow_network: FaultProxy, start: Callable[..., Ear]
) -> None:
    watcher = start(redis_server.url, alive=False)
    slow = start(slow_network.url)
    leave_a_dead_server(slow, redis_server.client)
    lease = "{shop:1:1}:presence:lease:dead"
    wait_until(lambda: redis_server.client.get(lease), PATIENCE, "the slow one to begin")
    fast = start(redis_server.url)
    wait_for_the_end(fast, redis_server.client)
    all_are_gone_once(watcher)


@pytest.mark.parametrize("kind", ["redis_server", "redis_cluster"])
def test_of_several_survivors_each_member_is_taken_off_once(
    kind: str, request: pytest.FixtureRequest, start: Callable[..., Ear]
) -> None:
    server = request.getfixturevalue(kind)
    client: Any = getattr(server, "client", None) or cluster_client(server.url)
    watcher = start(server.url, alive=False)
    first, *_ = (start(server.url) for _ in range(4))
    leave_a_dead_server(first, client)
    wait_for_the_end(first, client)
    all_are_gone_once(watcher)


def cluster_client(url: str) -> Any:
    from flask_rf.redis import RedisOptions
    from flask_rf.redis import RedisServer

    return RedisServer(url, RedisOptions(timeout=30)).client


def test_another_goes_on_where_the_one_that_takes_them_off_dies(
    redis_server: RedisProcess, slow_network: FaultProxy, start: Callable[..., Ear]
) -> None:
    watcher = start(redis_server.url, alive=False)
    first = start(slow_network.url)
    leave_a_dead_server(first, redis_server.client)
    wait_until(lambda: gone(watcher), PATIENCE, "it to begin")
    slow_network.refusing = True
    slow_network.cut()
    assert redis_server.client.scard("{shop:1:1}:presence:server:dead") > 0

    second = start(redis_server.url)
    wait_for_the_end(second, redis_server.client)
    wait_until(lambda: "here" in gone(watcher), PATIENCE, "word of the other dead server's")
    assert gone(watcher) == Counter(["here", *(f"user-{n}" for n in range(MEMBERS))])
    assert not any(watcher.broker.users(room) for room in ROOMS)


class Resident(Ear):
    """A server with one member, which states it anew where it has to."""

    def state_anew(self) -> None:
        self.broker.join(ROOMS[0], "1.1", Member("resident"), MEMBERS)

    def link_changed(self, up: bool) -> None:
        if up:
            self.state_anew()


def test_a_server_that_was_held_up_only_has_its_members_back_once_it_goes_on(
    redis_server: RedisProcess, slow_network: FaultProxy, start: Callable[..., Ear]
) -> None:
    watcher = start(redis_server.url, alive=False)
    living, _ = start(redis_server.url), start(slow_network.url, kind=Resident)
    wait_until(lambda: living.broker.users(ROOMS[0]) == {"resident"})
    slow_network.deaf = True
    wait_until(lambda: gone(watcher)["resident"], PATIENCE, "its end")
    slow_network.deaf = False
    wait_until(lambda: living.broker.users(ROOMS[0]) == {"resident"}, PATIENCE, "its return")
    assert gone(watcher)["resident"] == 1
