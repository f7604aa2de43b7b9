"""Who is there and who is not, whichever server dies."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count as count_up
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import flask_rf.broadcast.redis.life as life
from flask_rf.broadcast.session import Member
from tests.broadcast.client import Socket
from tests.broadcast.ears import Ear
from tests.broadcast.test_brokers import over
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers

ROOM = "presence-room.1"
SUBSCRIBED = "pusher_internal:subscription_succeeded"
ADDED, REMOVED = "pusher_internal:member_added", "pusher_internal:member_removed"


@pytest.fixture
def servers(redis_server: RedisProcess, tmp_path: Path) -> Iterator[tuple[Gunicorn, ...]]:
    # The Redis of a busy machine may take its time.
    env = {"REDIS_URL": redis_server.url, "REDIS_TIMEOUT": "2"}
    with ExitStack() as started:

        def start() -> Gunicorn:
            server = Gunicorn("tests.apps.events:app", tmp_path, "--workers", "1", **env)
            started.callback(server.stop)
            return server

        yield start(), start()


@pytest.fixture(autouse=True)
def _close_sockets() -> Iterator[None]:
    yield
    while Socket.opened:
        Socket.opened.pop().cut()


def test_a_killed_workers_members_are_gone_within_20_seconds_once_and_no_one_else(
    servers: tuple[Gunicorn, ...],
) -> None:
    dying, living = servers
    watcher = Socket(living.port)
    watcher.subscribe(ROOM, user="watcher")
    for user in ("ann", "bob", "both"):
        Socket(dying.port).subscribe(ROOM, user=user)
        assert watcher.until(ADDED)["data"]["user_id"] == user
    Socket(living.port).subscribe(ROOM, user="both")  # has another socket elsewhere

    watcher.have_patience(60)
    killed = time.monotonic()
    os.kill(dying.workers()[0], signal.SIGKILL)
    gone = {watcher.until(REMOVED)["data"]["user_id"] for _ in range(2)}
    took = time.monotonic() - killed

    assert gone == {"ann", "bob"}
    assert took < 20 + 10  # the last ten for a busy machine; the test of the clock is Redis's own
    Socket(living.port).subscribe(ROOM, user="end")
    assert watcher.receive()["data"]["user_id"] == "end"  # nothing in between, nothing twice


def test_who_comes_and_goes_while_redis_takes_nothing_is_told_of_once_it_does(
    servers: tuple[Gunicorn, ...], redis_server: RedisProcess
) -> None:
    here, there = servers
    watcher, leaver, joiner = Socket(there.port), Socket(here.port), Socket(here.port)
    watcher.subscribe(ROOM, user="watcher")
    leaver.subscribe(ROOM, user="leaver")
    assert watcher.until(ADDED)["data"]["user_id"] == "leaver"
    redis_server.client.client_pause(60_000, all=False)  # writing alone: the listeners hear on
    try:
        leaver.cut()
        answer = joiner.subscribe(ROOM, user="joiner")
    finally:
        redis_server.client.client_unpause()

    assert answer["data"]["presence"]["ids"] == ["joiner"]
    changes = {message["event"]: message["data"]["user_id"] for message in two_of(watcher)}
    assert changes == {ADDED: "joiner", REMOVED: "leaver"}
    assert joiner.until(SUBSCRIBED)["data"]["presence"]["count"] == 2
    assert "lost Redis" not in here.output()


def two_of(watcher: Socket) -> list[dict[str, Any]]:
    """The next changes of who is there."""
    messages = (watcher.receive() for _ in range(100))
    return list(islice((m for m in messages if m["event"] in (ADDED, REMOVED)), 2))


@pytest.fixture
def start(redis_server: RedisProcess) -> Iterator[Callable[[], Ear]]:
    """Starts brokers, which end with the test."""
    with ExitStack() as started:

        def start() -> Ear:
            ear = Ear(over(redis_server.url))
            started.callback(ear.broker.stop)
            return ear

        yield start


class Servers:
    """Brokers as processes of their own would have them, and what truly is."""

    def __init__(self, start: Callable[[], Ear], count: int) -> None:
        self.ears = [start() for _ in range(count)]
        #: Of each server: channel and user by socket id.
        self.sockets: list[dict[str, tuple[str, str]]] = [{} for _ in range(count)]
        self._numbers = count_up(1)

    def join(self, server: int) -> None:
        socket_id = f"{server}.{next(self._numbers)}"
        channel, user = f"presence-{random.randrange(5)}", f"user-{random.randrange(20)}"
        self.ears[server].broker.join(channel, socket_id, Member(user, {"n": user}), 10**6)
        self.sockets[server][socket_id] = (channel, user)

    def leave(self, server: int) -> None:
        if self.sockets[server]:
            socket_id = random.choice(list(self.sockets[server]))
            channel, user = self.sockets[server].pop(socket_id)
            self.ears[server].broker.leave(channel, socket_id, user)

    def crash(self, server: int) -> None:
        """Stop it without a word to anybody."""
        self.ears[server].broker.stop()
        self.sockets[server].clear()

    def truth(self) -> dict[str, set[str]]:
        present: dict[str, set[str]] = {}
        for own in self.sockets:
            for channel, user in own.values():
                present.setdefault(channel, set()).add(user)
        return present

    def told(self) -> dict[str, set[str]]:
        broker = next(ear.broker for ear in reversed(self.ears))
        found = {f"presence-{n}": set(broker.users(f"presence-{n}")) for n in range(5)}
        return {channel: users for channel, users in found.items() if users}


def test_after_10_000_joins_and_leaves_and_a_crash_presence_is_the_truth(
    redis_server: RedisProcess, start: Callable[[], Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "HEARTBEAT", 1.0)
    monkeypatch.setattr(life, "DEAD_AFTER", 5)
    servers = Servers(start, 3)

    def live(server: int, changes: int) -> None:
        for _ in range(changes):
            (servers.join if random.random() < 0.52 else servers.leave)(server)

    crowd = [threading.Thread(target=live, args=(n, 3333)) for n in range(3)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    assert servers.told() == servers.truth()
    servers.crash(0)
    wait_until(lambda: servers.told() == servers.truth(), 60)

    for server in (1, 2):
        while servers.sockets[server]:
            servers.leave(server)

    def left() -> list[bytes]:
        keys = redis_server.client.keys("{shop:1:1}*")
        return [key for key in keys if not key.endswith(b":servers")]

    # The last sockets of the dead may be taken off after their users are known to have left.
    wait_until(lambda: left() == [], what=f"nothing to be left: {left()}")


def test_sockets_that_left_unheard_are_taken_off_after_an_outage(
    start: Callable[[], Ear],
) -> None:
    """A fail-over may forget that somebody left, whose server lives."""
    ear = start()
    broker = ear.broker
    broker.subscribe("presence-a")
    for socket_id, user in (("1.1", "ann"), ("1.2", "bob"), ("1.3", "ann")):
        broker.join("presence-a", socket_id, Member(user), 100)

    broker.prune(lambda socket_id, channel: socket_id == "1.1")

    assert set(broker.users("presence-a")) == {"ann"}
    wait_until(lambda: ear.names().count(REMOVED) == 1)
