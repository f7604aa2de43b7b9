"""Who is there and who is not, whichever server dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from flask_rf.broadcast.session import Member
from tests.broadcast.client import Socket
from tests.broadcast.ears import Ear
from tests.broadcast.test_brokers import over
from tests.faults.passers_by import CHANNELS
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import ROOT
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


class Lateness:
    """How late a busy machine wakes who sleeps.

    :ivar worst: seconds.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def _measure(self) -> None:
        due = time.monotonic() + 0.05
        while not self._ended.wait(due - time.monotonic()):
            self.worst = max(self.worst, time.monotonic() - due)
            due = time.monotonic() + 0.05

    def __enter__(self) -> Lateness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


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
    with Lateness() as lateness:
        killed = time.monotonic()
        os.kill(dying.workers()[0], signal.SIGKILL)
        gone = {watcher.until(REMOVED)["data"]["user_id"] for _ in range(2)}
        took = time.monotonic() - killed

    assert gone == {"ann", "bob"}
    # On the way a sign of life, the clearing away, Redis and the watcher wait for their turn.
    assert took < 20 + 10 * lateness.worst
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


class Server:
    """A process of :mod:`.passers_by`."""

    def __init__(self, url: str, number: int, seed: int) -> None:
        command = [sys.executable, "-m", "tests.faults.passers_by", url]
        command += [str(number), str(seed), "3334"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait_for(self, changes: int) -> None:
        assert self.process.stdout is not None
        while int(self.process.stdout.readline()) < changes:
            pass

    def present(self) -> set[tuple[str, str]]:
        """Channel and user of those who are there after its last change."""
        assert self.process.stdout is not None
        while not (line := self.process.stdout.readline()).startswith("["):
            assert line, "it ended too soon"
        return {(channel, user) for channel, user in json.loads(line)}

    def finish(self) -> None:
        self.process.communicate("go on\n", timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def three(redis_server: RedisProcess) -> Iterator[list[Server]]:
    seed = random.SystemRandom().randrange(2**32)
    print("seed:", seed)  # pytest shows it where the test fails
    servers = [Server(redis_server.url, number, seed) for number in range(3)]
    yield servers
    for server in servers:
        server.kill()


def test_after_10_000_joins_and_leaves_and_a_crash_amid_them_presence_is_the_truth(
    redis_server: RedisProcess, three: list[Server]
) -> None:
    crashing, *living = three
    broker = over(redis_server.url)

    def told() -> set[tuple[str, str]]:
        return {(channel, user) for channel in CHANNELS for user in broker.users(channel)}

    crashing.wait_for(2000)
    crashing.kill()
    truth = set.union(*(server.present() for server in living))
    wait_until(lambda: told() == truth, 60, "the truth")
    # The last sockets of the dead may be taken off after their users are known to have left.
    servers = broker._keys.servers()
    wait_until(lambda: redis_server.client.zcard(servers) == len(living), 60, "the end of the dead")
    for server in living:
        server.finish()
    assert redis_server.client.keys("{shop:1:1}*") == []
    broker.stop()


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
