"""What a probe is told: RFC draft inadarei-api-health-check-06."""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .result import Outcome
from .result import Status
from .result import worst

MEDIA_TYPE = "application/health+json"


@dataclass(frozen=True)
class Report:
    """The state of the app.

    :param output: why it does not pass, where no single check says it.
    """

    status: Status
    outcomes: tuple[Outcome, ...] = ()
    output: str = ""

    @property
    def code(self) -> int:
        """The HTTP status: warnings still serve."""
        return 503 if self.status == "fail" else 200

    def body(self, details: bool) -> str:
        """The report as JSON; without ``details`` it says nothing about single checks."""
        body: dict[str, Any] = {"status": self.status}
        if self.output:
            body["output"] = self.output
        if details:
            body["checks"] = {o.check.name: [describe(o)] for o in self.outcomes}
        return json.dumps(body)


PASSING = Report("pass")
SHUTTING_DOWN = Report("fail", output="shutting_down")


def report(outcomes: Iterable[Outcome]) -> Report:
    """The state that the outcomes of checks add up to."""
    known = tuple(outcomes)
    return Report(worst(outcome.result.status for outcome in known), known)


def describe(outcome: Outcome) -> Mapping[str, Any]:
    """The fields of one check."""
    result = outcome.result
    fields: dict[str, Any] = {
        "status": result.status,
        "time": outcome.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "durationMs": round(outcome.seconds * 1000, 2),
    }
    if result.output:
        fields["output"] = result.output
    return {**result.details, **fields}
