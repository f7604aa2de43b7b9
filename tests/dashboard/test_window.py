"""What a second came to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.dashboard.window import BOUNDS
from flask_rf.dashboard.window import sparse
from flask_rf.dashboard.window import Window

seconds = st.floats(0, 1e6, allow_nan=False)


def test_requests_are_counted_by_class_and_by_how_long_they_took() -> None:
    window = Window()
    window.request("GET", "/a", 200, 0.0005)
    window.request("GET", "/a", 404, 0.0041)
    window.request("PUT", None, 503, 99.0)
    assert window.classes == [0, 1, 0, 1, 1]
    assert sparse(window.buckets) == [[0, 1], [BOUNDS.index(5), 1], [len(BOUNDS), 1]]
    assert window.tables()["routes"] == [
        ["GET /a", 2, 4.6, 4.1],
        ["PUT (no route)", 1, 99000.0, 99000.0],
    ]


@pytest.mark.parametrize(("status", "place"), [(0, 0), (100, 0), (299, 1), (599, 4), (999, 4)])
def test_every_status_has_a_class(status: int, place: int) -> None:
    window = Window()
    window.request("GET", "/", status, 0.1)
    assert window.classes[place] == 1


def test_decisions_are_counted_by_limit_and_outcome() -> None:
    window = Window()
    for outcome in ("allowed", "denied", "denied", "shadowed"):
        window.decision("5/minute", outcome)
    assert window.tables()["limits"] == [["5/minute", 1, 2, 1]]
    assert window.curves()["denied"] == 2


def test_redis_is_told_by_how_often_and_how_long() -> None:
    window = Window()
    window.redis(0.001), window.redis(0.003)
    assert window.curves()["redis"] == [2, 4.0, 3.0]


@given(st.lists(st.tuples(st.text(), st.integers(0, 999), seconds), max_size=50))
def test_whatever_happens_a_second_fits_into_a_message(
    requests: list[tuple[str, int, float]],
) -> None:
    window = Window()
    for route, status, took in requests:
        window.request("GET", route, status, took)
        window.decision(route, "denied")
        window.delivery(3, [took])
    told: dict[str, Any] = {**window.curves(), **window.tables()}
    assert sum(told["classes"]) == sum(count for _, count in told["buckets"]) == len(requests)
    assert len(told["routes"]) <= 8 and len(told["limits"]) <= 12
    assert json.loads(json.dumps(told)) == told
