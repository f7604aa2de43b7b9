"""Rule 9: checks run at an interval."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_rf import Health
from flask_rf.health.background import Background
from flask_rf.signals import health_checked

from ..parts.processes import wait_until


class Beat:
    """A check that counts its runs and hangs while it is held."""

    def __init__(self) -> None:
        self.runs = 0
        self._free = threading.Event()
        self._free.set()

    def __call__(self) -> None:
        self.runs += 1
        self._free.wait()

    def hold(self) -> None:
        self._free.clear()

    def release(self) -> None:
        self._free.set()


@pytest.fixture
def beat(app: Flask) -> Iterator[Beat]:
    beat = Beat()
    yield beat
    beat.release()
    if "rf_health" in app.extensions:
        app.extensions["rf_health"]._runner = None  # which ends its thread, and what that logs


def watch(app: Flask, beat: Beat, **options: Any) -> None:
    options = {"interval": 0.02, "cache": 0, "details": "always", "timeout": 60, **options}
    health = Health(app, **{"total_timeout": 60, "disk_paths": (), **options})
    health.add("beat", beat, critical=True)
    health.add("echo", lambda: None, critical=False)


def background_of(app: Flask) -> Background:
    background = app.extensions["rf_health"]._runner
    assert isinstance(background, Background)
    return background


def probe(app: Flask) -> tuple[int, dict[str, Any]]:
    response = app.test_client().get("/health/ready")
    body = response.get_json(force=True)
    return response.status_code, {name: found[0] for name, found in body["checks"].items()}


def test_rule_09_checks_run_without_being_asked(app: Flask, beat: Beat) -> None:
    watch(app, beat)
    assert probe(app)[0] == 200
    wait_until(lambda: beat.runs > 5)


def test_rule_09_nothing_runs_before_the_first_probe(app: Flask, beat: Beat) -> None:
    watch(app, beat)
    assert beat.runs == 0
    assert background_of(app)._thread is None


def test_rule_09_probes_are_answered_from_the_last_run(app: Flask, beat: Beat) -> None:
    watch(app, beat, interval=60)
    probe(app)
    wait_until(lambda: background_of(app)._last)
    runs = beat.runs
    beat.hold()
    assert [probe(app)[0] for _ in range(3)] == [200, 200, 200]
    assert beat.runs == runs


def test_rule_09_a_result_older_than_three_intervals_is_a_failure(app: Flask, beat: Beat) -> None:
    def hang(app: Flask, **_: Any) -> None:
        beat()

    watch(app, beat, total_timeout=0.02)
    health_checked.connect(hang, app)
    wait_until(lambda: probe(app)[0] == 200)
    wait_until(lambda: beat.runs > 2 and background_of(app)._last)  # else a probe would hang
    beat.hold()
    # Not the first 503: on a busy machine the run before may have timed out.
    wait_until(lambda: "no result for " in probe(app)[1]["beat"].get("output", ""))
    status, checks = probe(app)
    assert status == 503
    assert (checks["beat"]["status"], checks["echo"]["status"]) == ("fail", "warn")
    beat.release()
    wait_until(lambda: probe(app)[0] == 200)


def test_rule_09_a_check_that_hangs_for_several_intervals_makes_no_other_old(
    app: Flask, beat: Beat
) -> None:
    watch(app, beat)
    wait_until(lambda: probe(app)[0] == 200 and background_of(app)._last)
    runs = beat.runs
    beat.hold()
    wait_until(lambda: beat.runs > runs)
    for _ in range(50):
        assert probe(app)[0] == 200
        time.sleep(0.01)


def test_rule_09_a_thread_that_a_fork_left_dead_is_started_anew(app: Flask, beat: Beat) -> None:
    watch(app, beat)
    dead = background_of(app)._thread = threading.Thread(target=lambda: None)
    dead.start()
    dead.join()
    probe(app)
    wait_until(lambda: beat.runs > 2)


def test_rule_09_the_thread_ends_with_its_app(beat: Beat) -> None:
    app = Flask("short-lived")
    watch(app, beat)
    probe(app)
    thread = background_of(app)._thread
    assert thread is not None
    del app

    def has_ended() -> bool:
        gc.collect()
        return not thread.is_alive()

    wait_until(has_ended)
