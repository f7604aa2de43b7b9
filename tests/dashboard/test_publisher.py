"""Who is told what, and when."""

from __future__ import annotations

import gc
import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from flask_rf.dashboard.collector import Collector
from flask_rf.dashboard.publisher import _run
from flask_rf.dashboard.publisher import CHANNEL
from flask_rf.dashboard.publisher import Publisher
from flask_rf.errors import RedisUnavailable
from tests.parts.processes import wait_until


class Air:
    """Broadcasting, with as many viewers as a test says."""

    def __init__(self) -> None:
        self.viewers = 0
        self.down = self.broken = False
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.asked = 0

    def connections(self) -> int:
        return 3

    def subscribers(self, channel: str) -> int:
        assert channel == CHANNEL
        self.asked += 1
        if self.down:
            raise RedisUnavailable("listing channels", "gone")
        if self.broken:
            raise LookupError
        return self.viewers

    def busiest(self, most: int) -> tuple[int, list[tuple[str, int, int]]]:
        return 2, [("chat", 9, 0), (CHANNEL, 1, 0)]

    def tell(self, channel: str, event: str, text: str) -> None:
        assert channel == CHANNEL
        self.told.append((event, json.loads(text)))

    def events(self) -> list[str]:
        events = [event for event, _ in self.told]
        self.told.clear()
        return events


@pytest.fixture
def air() -> Air:
    return Air()


@pytest.fixture
def checked() -> list[int]:
    return []


@pytest.fixture
def publisher(app: Flask, air: Air, checked: list[int]) -> Publisher:
    def health() -> dict[str, Any]:
        checked.append(1)
        return {"status": "pass"}

    return Publisher(app, air, Collector(app), health)


def test_while_nobody_watches_nothing_is_told_and_little_asked(
    publisher: Publisher, air: Air, checked: list[int]
) -> None:
    for second in range(100, 120):
        publisher.tick(second)
    assert (air.events(), air.asked, checked) == ([], 10, [])


def test_a_viewer_is_told_what_was_before_and_then_each_second(
    publisher: Publisher, air: Air
) -> None:
    for second in range(101, 106):
        publisher.tick(second)
    air.viewers = 1
    publisher.tick(106)
    (_, history), (_, now) = air.told
    assert air.events() == ["history", "now"]
    assert [curve["second"] for curve in history["curves"]] == [101, 102, 103, 104, 105, 106]
    assert now["second"] == 106 and now["app"] == "shop" and now["sockets"] == 3
    publisher.tick(107)
    assert air.events() == ["now"]


def test_another_viewer_is_told_what_was_before_too(publisher: Publisher, air: Air) -> None:
    air.viewers = 1
    publisher.tick(102), air.events()
    air.viewers = 2
    publisher.tick(103)
    assert air.events() == ["history", "now"]


def test_one_who_came_while_another_left_is_told_within_ten_seconds(
    publisher: Publisher, air: Air
) -> None:
    air.viewers = 1
    publisher.tick(102), air.events()
    for second in range(103, 113):
        publisher.tick(second)
    assert air.events().count("history") == 1


def test_its_own_channel_is_none(publisher: Publisher, air: Air) -> None:
    air.viewers = 1
    publisher.tick(102)
    assert air.told[-1][1]["channels"] == {"count": 1, "largest": [["chat", 9, 0]]}


def test_health_is_asked_for_seldom(publisher: Publisher, air: Air, checked: list[int]) -> None:
    air.viewers = 1
    for second in range(101, 121):
        publisher.tick(second)
    assert len(checked) <= 5
    wait_until(lambda: checked)

    def is_told() -> bool:
        publisher.tick(121)
        return bool(air.told[-1][1]["health"] == {"status": "pass"})

    wait_until(is_told)


def test_while_a_check_hangs_all_else_is_told_and_it_is_not_asked_again(
    app: Flask, air: Air, checked: list[int]
) -> None:
    goes_on = threading.Event()

    def hang() -> None:
        checked.append(1)
        goes_on.wait()

    publisher = Publisher(app, air, Collector(app), hang)
    air.viewers = 1
    try:
        for second in range(102, 122):
            publisher.tick(second)
        assert air.events().count("now") == 20
        assert len(checked) <= 1
    finally:
        goes_on.set()


def test_without_redis_nobody_is_told_and_all_goes_on(publisher: Publisher, air: Air) -> None:
    air.viewers, air.down = 1, True
    publisher.tick(102)
    assert air.events() == []
    air.down = False
    publisher.tick(104)
    assert air.events() == ["history", "now"]


def test_it_runs_once_in_a_process_and_ends_with_its_app(air: Air) -> None:
    app = Flask("short-lived")
    publisher = Publisher(app, air, Collector(app), lambda: None)
    before = set(threading.enumerate())
    air.viewers = 1
    publisher.start(), publisher.start()
    [thread] = {t for t in threading.enumerate() if t.name == "rf-dashboard"} - before
    wait_until(lambda: "now" in air.events())
    del publisher, app

    def has_ended() -> bool:
        gc.collect()
        return not thread.is_alive()

    wait_until(has_ended)


class LateClock:
    """
    :param late: by how many seconds each sleep ends late.
    """

    def __init__(self, *late: float) -> None:
        self._now, self._late = 100.2, iter(late)

    def time(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds + next(self._late)


@pytest.mark.parametrize(
    ("late", "told"),
    [
        ((0.0, 0.0, 0.0), [100, 101, 102]),
        ((0.7, 0.0, 0.0), [100, 101, 102]),
        ((1.7, 0.0, 0.0), [100, 102, 103]),
        ((-1e-6, 0.0, 0.0), [100, 101, 102]),
    ],
)
def test_however_late_its_thread_runs_no_second_is_told_twice(
    late: tuple[float, ...], told: list[int]
) -> None:
    ticks: list[int] = []
    publishers = iter([SimpleNamespace(tick=ticks.append)] * len(late))
    _run(lambda: next(publishers, None), LateClock(*late, 0.0))  # type: ignore[arg-type]
    assert ticks == told


def test_a_tick_that_fails_is_logged_and_the_next_one_tried(
    app: Flask, air: Air, caplog: pytest.LogCaptureFixture
) -> None:
    air.viewers, air.broken = 1, True
    publisher = Publisher(app, air, Collector(app), lambda: None)
    publisher.start()
    try:
        wait_until(lambda: caplog.text.count("the dashboard is told nothing this second") > 1)
    finally:
        air.broken = False  # its thread may outlive this test, and is to log in no other
