"""What a check came to: RFC draft inadarei-api-health-check-06, section 3."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any
from typing import Literal

from ..checks import Check

Status = Literal["pass", "warn", "fail"]

_BY_SEVERITY: tuple[Status, ...] = ("pass", "warn", "fail")


@dataclass(frozen=True)
class Result:
    """What a check found.

    :param output: why it did not pass.
    :param details: further fields, such as ``observedValue`` and ``observedUnit``.
    """

    status: Status = "pass"
    output: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """One check's result in one run.

    :param result: with the check's level applied: what is not critical only warns.
    :param seconds: how long it took, or has taken so far.
    :param time: when it was asked for; UTC.
    """

    check: Check
    result: Result
    seconds: float
    time: datetime


def worst(statuses: Iterable[Status]) -> Status:
    """The most severe status; ``pass`` of none."""
    return max(statuses, key=_BY_SEVERITY.index, default="pass")


def grade(value: float, warn: float, fail: float) -> Status:
    """The status of a measure that should stay low."""
    if value >= fail:
        return "fail"
    return "warn" if value >= warn else "pass"


def result_of(returned: Any) -> Result:
    """Understand what a check function returned."""
    if isinstance(returned, Result):
        return returned
    if returned is None or returned is True:
        return Result()
    if returned is False:
        return Result("fail", "returned False")
    if isinstance(returned, Mapping) and returned.get("status", "pass") in _BY_SEVERITY:
        details = {str(k): v for k, v in returned.items() if k not in ("status", "output")}
        return Result(returned.get("status", "pass"), str(returned.get("output", "")), details)
    return Result("fail", f"returned {type(returned).__name__}, which says nothing")
