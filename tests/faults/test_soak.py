"""What comes and goes for long leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.faults.stage import Crowd
from tests.faults.stage import Publisher
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers


class Belongings(NamedTuple):
    """What a worker has: bytes of memory, descriptors and greenlets."""

    memory: int
    descriptors: int
    greenlets: int


class Churn:
    """A worker whose clients come and go while events are sent."""

    def __init__(self, folder: Path, clients: int) -> None:
        with ExitStack() as started:
            redis = RedisProcess(folder)
            started.callback(redis.stop)
            options = ("--workers", "1")
            self._server = Gunicorn("tests.apps.events:app", folder, *options, REDIS_URL=redis.url)
            started.callback(self._server.stop)
            self._crowd = Crowd(self._server.port, clients, folder)
            started.callback(self._crowd.stop)
            self.publisher = Publisher(redis.url, 20)
            started.callback(self.publisher.end)
            self._clients = clients
            self._started = started.pop_all()

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self._crowd.cut(self._clients // 10)
            time.sleep(0.1)

    def belongings(self) -> Belongings:
        """What the worker has once everybody is back."""
        wait_until(lambda: self._server.get_json("/here") == self._clients)
        time.sleep(1.5)  # for what is just being cleared away
        (worker,) = self._server.workers()
        process = psutil.Process(worker)
        greenlets = self._server.get_json("/greenlets")
        return Belongings(process.memory_info().rss, process.num_fds(), greenlets)

    def stop(self) -> None:
        self._started.close()


@pytest.fixture
def churn(tmp_path: Path) -> Iterator[Churn]:
    churn = Churn(tmp_path, clients=100)
    yield churn
    churn.stop()


def grows_no_more(churn: Churn, rounds: int) -> bool:
    before = churn.belongings()
    churn.run(rounds)
    after = churn.belongings()
    print(before, after, sep="\n")
    return (
        after.memory <= before.memory * 1.05
        # connections of the pool, and of this question
        and after.descriptors <= before.descriptors + 5
        and after.greenlets <= before.greenlets + 5
    )


def test_clients_that_come_and_go_leave_nothing_behind(churn: Churn) -> None:
    churn.run(60)
    # What leaks grows each time; what a pause of the machine has piled up is there once.
    wait_until(lambda: grows_no_more(churn, 80), 40, "a round that leaves nothing behind")


@pytest.mark.soak
def test_clients_that_come_and_go_for_ten_minutes_leave_nothing_behind(churn: Churn) -> None:
    churn.run(600)
    assert grows_no_more(churn, 6000)
