"""What happened in one second of one process. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

#: Upper bounds in milliseconds of the buckets that percentiles are read from; the page knows them.
BOUNDS = (
    *(1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100),
    *(150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 10000),
)
_ROUTES, _LIMITS = 8, 12
OUTCOMES = ("allowed", "denied", "shadowed")


@dataclass
class Window:
    """Counts; times are in seconds."""

    classes: list[int] = field(default_factory=lambda: [0] * 5)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    routes: dict[str, list[float]] = field(default_factory=dict)
    limits: dict[str, list[int]] = field(default_factory=dict)
    received: int = 0
    written: int = 0
    published: int = 0
    dropped: int = 0
    delays: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    asked: int = 0
    asked_seconds: float = 0.0
    asked_worst: float = 0.0
    late: float = 0.0

    def request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        self.classes[min(max(status // 100, 1), 5) - 1] += 1
        self.buckets[bisect_left(BOUNDS, seconds * 1000)] += 1
        found = self.routes.setdefault(f"{method} {route or '(no route)'}", [0, 0.0, 0.0])
        found[0] += 1
        found[1] += seconds
        found[2] = max(found[2], seconds)

    def decision(self, limit: str, outcome: str) -> None:
        self.limits.setdefault(limit, [0] * len(OUTCOMES))[OUTCOMES.index(outcome)] += 1

    def delivery(self, messages: int, delays: Iterable[float]) -> None:
        self.written += messages
        for delay in delays:
            self.delays[bisect_left(BOUNDS, delay * 1000)] += 1

    def redis(self, seconds: float) -> None:
        self.asked += 1
        self.asked_seconds += seconds
        self.asked_worst = max(self.asked_worst, seconds)

    def curves(self) -> dict[str, Any]:
        """What is drawn over time; short, for two minutes of it travel to each new viewer."""
        return {
            "classes": self.classes,
            "buckets": sparse(self.buckets),
            "messages": [self.received, self.written],
            "denied": sum(counts[1] for counts in self.limits.values()),
            "redis": [self.asked, milliseconds(self.asked_seconds), milliseconds(self.asked_worst)],
            "late": milliseconds(self.late),
        }

    def tables(self) -> dict[str, Any]:
        """What is told of this second alone."""
        routes = sorted(self.routes.items(), key=lambda item: -item[1][0])[:_ROUTES]
        limits = sorted(self.limits.items(), key=lambda item: -sum(item[1]))[:_LIMITS]
        return {
            "routes": [
                [name, count, milliseconds(total), milliseconds(worst)]
                for name, (count, total, worst) in routes
            ],
            "limits": [[name, *counts] for name, counts in limits],
            "published": self.published,
            "dropped": self.dropped,
            "delays": sparse(self.delays),
        }


def sparse(counts: list[int]) -> list[list[int]]:
    """Pairs of a bucket's number and its count, where there is any."""
    return [[number, count] for number, count in enumerate(counts) if count]


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
