"""Nothing is lost, doubled or out of order, whatever dies in between; and if, it is said."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import Crowd
from tests.faults.stage import Publisher
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess
from tests.parts.sentinel import SentinelProcesses

pytestmark = pytest.mark.servers

# What it has acknowledged is written: by everysec it waits for a slow disk, and kill -9 loses it.
AOF = ("--appendonly", "yes", "--appendfsync", "no")


def serve(folder: Path, url: str) -> Gunicorn:
    """Two workers, who know a Redis that is gone from one that takes its time."""
    env = {"REDIS_URL": url, "REDIS_TIMEOUT": "5"}
    return Gunicorn("tests.apps.events:app", folder, "--workers", "2", **env)


class Stage:
    """Redis, a network to it that can be cut, two workers, a publisher and a crowd.

    :param clients: how many there are.
    :param rate: numbers sent in a second.
    """

    def __init__(self, folder: Path, clients: int, rate: float, *redis_options: str) -> None:
        with ExitStack() as started:
            self.redis = RedisProcess(folder, *redis_options)
            started.callback(self.redis.stop)
            self.network = FaultProxy(self.redis.port)
            started.callback(self.network.close)
            self.server = serve(folder, self.network.url)
            started.callback(self.server.stop)
            self.crowd = Crowd(self.server.port, clients, folder)
            started.callback(self.crowd.stop)
            self.publisher = Publisher(self.redis.url, rate)
            started.callback(self.publisher.end)
            self._started = started.pop_all()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def kill_a_worker(self) -> None:
        self._replace_a_worker(signal.SIGKILL)

    def restart_a_worker(self) -> None:
        self._replace_a_worker(signal.SIGTERM)

    def _replace_a_worker(self, how: signal.Signals) -> None:
        victim = self.server.workers()[0]
        os.kill(victim, how)
        wait_until(lambda: victim not in self.server.workers() and len(self.server.workers()) == 2)

    def restart_redis(self) -> None:
        self.redis.kill()
        time.sleep(0.5)
        self.redis.start()

    def cut_the_network(self, seconds: float) -> None:
        self.network.refusing = True
        self.network.cut()
        time.sleep(seconds)
        self.network.refusing = False

    def silence_the_network(self, seconds: float) -> None:
        """Have nothing pass, and nobody be told so."""
        self.network.deaf = True
        time.sleep(seconds)
        self.network.deaf = False

    def cut_links(self, times: int, clients: int = 1) -> None:
        for _ in range(times):
            self.crowd.cut(clients)
            time.sleep(0.05)

    def end(self) -> dict[str, Any]:
        self.publisher.end()
        return self.crowd.report(self.publisher)


def test_what_dies_and_comes_back_costs_nobody_an_event(tmp_path: Path) -> None:
    with Stage(tmp_path, 60, 30, *AOF) as stage:
        stage.crowd.hunt(100)
        stage.cut_links(20)
        stage.kill_a_worker()
        stage.cut_links(20)
        stage.restart_a_worker()
        stage.restart_redis()
        stage.cut_links(20)
        stage.cut_the_network(2)
        stage.silence_the_network(6)  # a listener gives a silent connection up after four
        stage.cut_links(20)
        report = stage.end()
    assert report["faults"] == []
    assert report["told"] == 0
    assert report["recoveries"] >= 200
    assert report["of the hunted"] >= 100


@pytest.mark.soak
def test_what_dies_and_comes_back_costs_500_clients_nothing_in_a_minute(tmp_path: Path) -> None:
    with Stage(tmp_path, 500, 50, *AOF) as stage:
        stage.crowd.hunt(100)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            stage.kill_a_worker()
            stage.cut_links(50)
            stage.restart_a_worker()
            stage.cut_links(50)
            stage.restart_redis()
            time.sleep(3)
            stage.cut_the_network(5)
            time.sleep(3)
            stage.silence_the_network(6)
            time.sleep(3)
        report = stage.end()
    assert report["faults"] == []
    assert report["told"] == 0
    assert report["recoveries"] >= 1000
    assert report["of the hunted"] >= 100


def test_a_history_lost_with_redis_is_said_to_everybody(tmp_path: Path) -> None:
    with Stage(tmp_path, 40, 30) as stage:
        stage.publisher.get_through(30)
        stage.restart_redis()
        stage.cut_links(20)
        stage.publisher.get_through(30)
        report = stage.end()
    assert report["faults"] == []
    assert report["told"] == 40


@pytest.mark.parametrize("clients", [40, pytest.param(500, marks=pytest.mark.soak)])
def test_a_fail_over_costs_nobody_an_event_unsaid(tmp_path: Path, clients: int) -> None:
    servers = SentinelProcesses(tmp_path)
    with ExitStack() as started:
        started.callback(servers.stop)
        server = serve(tmp_path, servers.url)
        started.callback(server.stop)
        crowd = Crowd(server.port, clients, tmp_path)
        started.callback(crowd.stop)
        publisher = Publisher(servers.url, 30)
        started.callback(publisher.end)
        crowd.hunt(20)
        crowd.cut(clients // 4)
        publisher.get_through(30)
        servers.primary.kill()
        os.kill(server.workers()[0], signal.SIGKILL)
        servers.wait_for_replacement()
        publisher.get_through(30)
        crowd.cut(clients // 4)
        publisher.end()
        report = crowd.report(publisher)
    assert report["faults"] == []
    assert report["told"] == clients  # a replica may lag, and nobody can tell whether this one did
