from __future__ import annotations

import pytest

from flask_rf.redis.breaker import Breaker
from flask_rf.redis.breaker import PROBE_AFTER
from flask_rf.redis.breaker import THRESHOLD


class Scene:
    """A breaker, a clock set by hand, and what was told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[str] = []
        self.breaker = Breaker(
            lambda reason: self.told.append(f"down: {reason}"),
            lambda outage: self.told.append(f"up after {outage:.1f}"),
            clock=lambda: self.now,
        )

    def fail(self, times: int = THRESHOLD) -> None:
        for _ in range(times):
            self.breaker.failed("refused")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_few_failures_open_it(scene: Scene) -> None:
    scene.fail(THRESHOLD - 1)
    assert scene.breaker.allows()

    scene.fail(1)

    assert scene.breaker.open
    assert not scene.breaker.allows()


def test_a_success_between_failures_starts_the_count_anew(scene: Scene) -> None:
    for _ in range(5):
        scene.fail(THRESHOLD - 1)
        scene.breaker.succeeded()

    assert not scene.breaker.open
    assert scene.told == []


def test_an_open_breaker_lets_one_probe_through_at_a_time(scene: Scene) -> None:
    scene.fail()
    scene.now += PROBE_AFTER[1]

    assert [scene.breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_failed_probe_puts_the_next_one_off(scene: Scene) -> None:
    scene.fail()
    scene.now += PROBE_AFTER[1]
    assert scene.breaker.allows()
    scene.fail(1)

    assert not scene.breaker.allows()
    scene.now += PROBE_AFTER[1]
    assert scene.breaker.allows()


def test_a_successful_probe_closes_it(scene: Scene) -> None:
    scene.fail()
    scene.now += PROBE_AFTER[1]
    scene.breaker.allows()

    scene.breaker.succeeded()

    assert [scene.breaker.allows() for _ in range(3)] == [True, True, True]


def test_each_change_of_state_is_told_once(scene: Scene) -> None:
    scene.fail(10)
    scene.now += 3.0
    scene.breaker.allows()
    for _ in range(5):
        scene.breaker.succeeded()

    assert scene.told == ["down: refused", "up after 3.0"]


def test_probes_of_many_processes_do_not_fall_together() -> None:
    moments = set()
    for _ in range(20):
        scene = Scene()
        scene.fail()
        while not scene.breaker.allows():
            scene.now += 0.001
        moments.add(round(scene.now, 3))

    assert len(moments) > 5
    assert all(PROBE_AFTER[0] <= moment - 100 <= PROBE_AFTER[1] + 0.01 for moment in moments)
