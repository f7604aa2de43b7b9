"""Several gunicorn workers, many greenlets each, on one Redis."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Any
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers


def test_two_workers_admit_exactly_the_limit_to_fifty_clients(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", "2"]
    command += ["--bind", f"127.0.0.1:{port}", "tests.apps.limited:app"]
    env = {"REDIS_URL": redis_server.url, "RATE_LIMIT_TIMEOUT": "5"}
    env |= {"REDIS_TIMEOUT": "20", "REDIS_CONNECT_TIMEOUT": "20"}
    server = Process(command, tmp_path / "gunicorn.log", env)

    def ask(_: int) -> tuple[int, bytes]:
        try:
            with urlopen(f"http://127.0.0.1:{port}/orders", timeout=60) as response:
                return response.status, response.read()
        except HTTPError as error:
            with error:
                return error.code, b""

    try:
        server.await_start(lambda: accepts(port))
        with ThreadPoolExecutor(50) as clients:
            answers = list(clients.map(ask, range(150)))
    finally:
        server.stop()

    assert Counter(status for status, _ in answers) == {200: 20, 429: 130}
    assert redis_server.client.zcard("shop:1:rl:w20/3600:orders:{127.0.0.1}") == 20


WORKERS, GREENLETS = 4, 64
#: Requests that a strategy lets in each second, and at once.
COUNT = 20


class Admitted(NamedTuple):
    """A request that was let in at some time from ``began`` to ``ended``, by the server's clock.

    :param mark: what its store knows the count by.
    """

    began: float
    ended: float
    mark: Any


def hammered(folder: Path, redis: RedisProcess, seconds: int) -> dict[str, list[Admitted]]:
    """What was let in of all that four workers asked for, by strategy."""
    command = [sys.executable, "-m", "gevent.monkey", "--module", "tests.apps.crowd"]
    command += map(str, (WORKERS, GREENLETS, seconds, COUNT))
    env = {"REDIS_URL": redis.url, "RATE_LIMIT_TIMEOUT": "5"}
    env |= {"REDIS_TIMEOUT": "20", "REDIS_CONNECT_TIMEOUT": "20"}
    workers = [Process(command, folder / f"worker-{n}.log", env) for n in range(WORKERS)]
    try:
        for worker in workers:
            wait_until(lambda worker=worker: not worker.alive, seconds + 120, "the end of a worker")
        told = [json.loads(worker.output().splitlines()[-1]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    return {
        strategy: sorted(Admitted(*entry) for one in told for entry in one[strategy])
        for strategy in told[0]
    }


def most_in_a_second(admitted: list[Admitted]) -> int:
    """The most that were certainly let in within one second, wherever it begins."""
    most = 0
    for n, first in enumerate(admitted):
        later = admitted[n : bisect_left(admitted, (first.began + 1,))]
        most = max(most, sum(one.ended < first.began + 1 for one in later))
    return most


def assert_bucket(admitted: list[Admitted]) -> None:
    """Between any two moments, a burst of ``COUNT`` and what has trickled back meanwhile."""
    for n, first in enumerate(admitted):
        for place, last in enumerate(sorted(one.ended for one in admitted[n:]), 1):
            assert place <= COUNT + (last - first.began) * COUNT


def assert_weighed(admitted: list[Admitted]) -> None:
    """A window's own, and of the window before as much as overlapped when the last was let in."""
    used = Counter(one.mark for one in admitted)
    for index, own in used.items():
        last = max(one.ended for one in admitted if one.mark == index)
        overlap = max(index + 1 - last, 0)
        assert own + used[index - 1] * overlap <= COUNT


def most_at_once(admitted: list[Admitted]) -> int:
    steps = [(one.began, 1) for one in admitted] + [(one.ended, -1) for one in admitted]
    return max(accumulate(step for _, step in sorted(steps)))


def assert_nothing_over_admitted(folder: Path, redis: RedisProcess, seconds: int) -> None:
    admitted = hammered(folder, redis, seconds)

    assert most_in_a_second(admitted["sliding-window"]) <= COUNT
    windows = Counter(one.mark for one in admitted["fixed-window"])
    ends = sorted(windows)
    assert max(windows.values()) <= COUNT
    assert all(later - end >= 1_000_000 for end, later in zip(ends, ends[1:], strict=False))
    assert_weighed(admitted["sliding-counter"])
    assert_bucket(admitted["token-bucket"])
    assert most_at_once(admitted["concurrency"]) <= COUNT
    assert all(len(some) >= COUNT for some in admitted.values())
    for key in redis.client.scan_iter("shop:1:rl:*"):
        assert redis.client.pttl(key) != -1


def test_four_workers_of_64_greenlets_are_never_let_in_too_often(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    assert_nothing_over_admitted(tmp_path, redis_server, 5)


@pytest.mark.soak
def test_four_workers_of_64_greenlets_are_never_let_in_too_often_in_a_minute(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    assert_nothing_over_admitted(tmp_path, redis_server, 60)
