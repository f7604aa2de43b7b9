from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.health import Result
from flask_rf.health.result import grade
from flask_rf.health.result import result_of
from flask_rf.health.result import Status
from flask_rf.health.result import worst

statuses = st.sampled_from(["pass", "warn", "fail"])


@pytest.mark.parametrize("returned", [None, True, {}, {"status": "pass"}, Result()])
def test_rule_20_these_pass(returned: Any) -> None:
    assert result_of(returned) == Result("pass")


def test_rule_20_details_are_told_as_json_holds_them() -> None:
    found = result_of({"share": float("nan"), "since": date(2026, 1, 2), "few": (1, 2)})
    assert found.details == {"share": "NaN", "since": "2026-01-02", "few": [1, 2]}


def test_rule_20_false_fails() -> None:
    assert result_of(False).status == "fail"


def test_rule_20_a_dict_says_what_it_says() -> None:
    found = result_of({"status": "warn", "output": "slow", "observedValue": 7})
    assert found == Result("warn", "slow", {"observedValue": 7})


@pytest.mark.parametrize(
    "returned",
    [0, 1, "ok", [], {"status": "up"}, {"status": ["pass"]}, Result("ok")],  # type: ignore[arg-type]
)
def test_rule_20_what_says_nothing_fails(returned: Any) -> None:
    assert result_of(returned).status == "fail"
    assert type(returned).__name__ in result_of(returned).output


def test_nothing_checked_passes() -> None:
    assert worst([]) == "pass"


@given(st.lists(statuses, min_size=1))
def test_the_worst_status_is_one_of_them_and_none_is_worse(given_: list[Status]) -> None:
    rank = {"pass": 0, "warn": 1, "fail": 2}
    assert worst(given_) in given_
    assert rank[worst(given_)] == max(rank[status] for status in given_)


@pytest.mark.parametrize(
    ("value", "status"), [(0, "pass"), (79.9, "pass"), (80, "warn"), (95, "fail"), (100, "fail")]
)
def test_a_measure_is_graded_by_its_thresholds(value: float, status: str) -> None:
    assert grade(value, 80, 95) == status
