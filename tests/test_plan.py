"""The model of docs/scaling.rst."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from benchmarks._plan import BUSY
from benchmarks._plan import Figures
from benchmarks._plan import Load
from benchmarks._plan import measured
from benchmarks._plan import plan
from benchmarks._plan import SOCKETS_A_WORKER
from flask_rf.broadcast.options import BroadcastOptions
from tests.parts.processes import ROOT

ROUND = Figures(
    request={0: 200.0, 1: 300.0, 3: 400.0},
    delivery=10.0,
    handshake=1000.0,
    socket=4.0,
    worker=50.0,
    decision={0: 0.0, 1: 20.0, 3: 30.0},
    publish=(5.0, 2.0),
    keep=20.0,
    count={"sliding-counter": 128.0},
)


def test_requests_take_workers_by_their_cpu() -> None:
    found = plan(Load(requests=3000, limits=1), ROUND)
    assert found.cores == pytest.approx(3000 * 300e-6 / BUSY)
    assert found.workers == 2
    assert found.redis == pytest.approx(3000 * 20e-6)


def test_what_the_app_does_itself_counts() -> None:
    assert plan(Load(requests=100, own=5.0), ROUND).cores == pytest.approx(100 * 5.2e-3 / BUSY)


def test_events_take_workers_by_who_hears_them() -> None:
    found = plan(Load(events=100, listeners=600, sockets=600), ROUND)
    assert found.cores == pytest.approx(100 * 600 * 10e-6 / BUSY)
    assert found.redis == pytest.approx(100 * (5 + 2) * 1e-6)


def test_each_worker_adds_to_what_an_event_costs_redis() -> None:
    few = plan(Load(events=100, listeners=1, sockets=1), ROUND)
    many = plan(Load(events=100, listeners=1, sockets=10 * SOCKETS_A_WORKER), ROUND)
    assert many.workers == 10
    assert many.redis - few.redis == pytest.approx(100 * 9 * 2e-6)


def test_a_history_adds_its_part() -> None:
    without = plan(Load(events=100), ROUND)
    with_it = plan(Load(events=100, history=True), ROUND)
    assert with_it.redis - without.redis == pytest.approx(100 * 20e-6)


def test_idle_sockets_take_memory_and_a_place() -> None:
    found = plan(Load(sockets=50_000), ROUND)
    assert found.workers == 3
    assert found.memory == pytest.approx(3 * 50 + 50_000 * 4 / 1024)
    assert found.storm == pytest.approx(50_000 * 1e-3 / 3)


def test_counts_take_memory_by_client_and_limit() -> None:
    found = plan(Load(clients=1024 * 1024, limits=3), ROUND)
    assert found.redis_memory == pytest.approx(3 * 128)


def test_no_load_takes_one_worker() -> None:
    assert plan(Load(), ROUND).workers == 1


def test_more_of_anything_never_takes_less() -> None:
    loads = Load(requests=100, limits=1, clients=10, sockets=10, events=10, listeners=10)
    before = plan(loads, ROUND)
    for name in ("requests", "clients", "sockets", "events", "listeners"):
        more = dataclasses.replace(loads, **{name: getattr(loads, name) * 1000})
        after = plan(more, ROUND)
        for field, value in vars(before).items():
            if field != "storm":  # more workers take sockets back sooner
                assert getattr(after, field) >= value, (name, field)


def test_the_measured_figures_are_there_and_of_a_kind() -> None:
    figures = measured()
    assert 0 < figures.request[0] < figures.request[3]
    assert 0 < figures.decision[1] <= figures.decision[3] * 1.2
    assert all(part > 0 for part in figures.publish)
    assert figures.socket > 0 and figures.worker > 10
    assert "sliding-counter" in figures.count


def test_the_model_knows_how_many_sockets_a_worker_takes() -> None:
    assert BroadcastOptions.max_connections == SOCKETS_A_WORKER


def test_it_can_be_asked_from_a_shell() -> None:
    command = [sys.executable, "-m", "benchmarks._plan", "--requests", "2000", "--limits", "1"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in said.splitlines()} >= {"cores", "workers", "redis"}
