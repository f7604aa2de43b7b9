"""What a check came to: RFC draft inadarei-api-health-check-06, section 3."""

from __future__ import annotations

import json
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
    """Understand what a check function returned.

    :raises Exception: its details cannot be written as JSON.
    """
    if returned is None or returned is True:
        return Result()
    if returned is False:
        return Result("fail", "returned False")
    found = _of_mapping(returned) if isinstance(returned, Mapping) else returned
    if isinstance(found, Result) and found.status in _BY_SEVERITY:
        return Result(found.status, str(found.output), _as_told(found.details))
    return Result("fail", f"returned {type(returned).__name__}, which says nothing")


def _of_mapping(returned: Mapping[Any, Any]) -> Result:
    details = {str(k): v for k, v in returned.items() if k not in ("status", "output")}
    return Result(returned.get("status", "pass"), returned.get("output", ""), details)


def _as_told(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy as JSON holds it, made while the check may still fail; NaN is no number there."""
    told: dict[str, Any] = json.loads(json.dumps(dict(details), default=str), parse_constant=str)
    return told
