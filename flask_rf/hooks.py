"""Where request functions stand in an app, whatever the order of set-up.

On the way in, functions run by ascending rank and before the app's own; on the
way out, after the app's own and by descending rank. Flask runs its after-request
list backwards, so the front of both lists is the place for ours.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from functools import lru_cache
from itertools import takewhile
from operator import itemgetter
from typing import Any
from typing import TypeVar

from flask import Flask
from flask import Request
from flask import request
from flask import Response

RANKS = ("request_id", "metrics", "compression", "cors", "limiter", "health")

Before = Callable[[], Any]
After = Callable[[Response], Response]
Teardown = Callable[[BaseException | None], None]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class _Placed:
    """What flask_rf does around the requests of one app: functions by ascending rank.

    One function in each of Flask's lists stands for all of them: Flask asks of each, request
    by request, whether it is a coroutine, which takes longer than many of ours.
    """

    befores: list[tuple[int, Before]] = field(default_factory=list)
    afters: list[tuple[int, After]] = field(default_factory=list)
    teardowns: list[tuple[int, Teardown]] = field(default_factory=list)
    exempt: set[str] = field(default_factory=set)

    def before(self) -> Any:
        for _, function in self.befores:
            answer = function()
            if answer is not None:
                return answer
        return None

    def after(self, response: Response) -> Response:
        for _, function in reversed(self.afters):
            response = function(response)
        return response

    def teardown(self, error: BaseException | None) -> None:
        for _, function in reversed(self.teardowns):
            function(error)


def _tracers_in_front(functions: list[Any]) -> int:
    """How many functions at the front are OpenTelemetry's.

    It opens a request's span in one, and warns of each response that was given before;
    so an app is to be instrumented before flask_rf is set up on it.
    """
    modules = (getattr(function, "__module__", None) or "" for function in functions)
    return sum(1 for _ in takewhile(lambda name: name.startswith("opentelemetry."), modules))


def _placed(app: Flask) -> _Placed:
    placed: _Placed = app.extensions.setdefault("rf_hooks", _Placed())
    return placed


def place(
    app: Flask,
    feature: str,
    *,
    before: Before | None = None,
    after: After | None = None,
    teardown: Teardown | None = None,
) -> None:
    """Put a feature's request functions where its rank says.

    :param feature: one of :data:`RANKS`.
    :raises AssertionError: Flask's own, when the app has already served a request.
    """
    # A bare insertion into Flask's lists escapes the check its decorators make.
    app._check_setup_finished(f"flask_rf.{feature}")
    placed, rank = _placed(app), RANKS.index(feature)
    if before is not None:
        _insert(placed.befores, rank, before, app.before_request_funcs, placed.before)
    if after is not None:
        _insert(placed.afters, rank, after, app.after_request_funcs, placed.after)
    if teardown is not None:
        _insert(placed.teardowns, rank, teardown, app.teardown_request_funcs, placed.teardown)


def _insert(
    ours: list[tuple[int, F]], rank: int, function: F, registry: dict[Any, list[Any]], run_ours: F
) -> None:
    if not ours:
        functions = registry.setdefault(None, [])
        functions.insert(_tracers_in_front(functions), run_ours)
    insort(ours, (rank, function), key=itemgetter(0))


def exempt(app: Flask, *endpoints: str) -> None:
    """Mark endpoints that serve flask_rf itself: app-wide limits and access logs pass over them."""
    _placed(app).exempt.update(endpoints)


def exempt_endpoints(app: Flask) -> set[str]:
    """The endpoints marked by :func:`exempt`; static files are the limiter's own affair."""
    return _placed(app).exempt


def current_request() -> Request:
    """The request itself: each look through Flask's proxy costs more than what it looks up."""
    return request._get_current_object()  # type: ignore[attr-defined, no-any-return]


def add_vary(response: Response, fields: Iterable[str]) -> None:
    """Merge field names into the response's one ``Vary`` line; ``*`` says it all and stays."""
    lines = response.headers.getlist("Vary")
    merged = _merged((*lines, *fields))
    if merged and lines != [merged]:
        # Half of what it costs to set it, which looks for the line while it writes.
        response.headers.remove("Vary")
        response.headers.add("Vary", merged)


@lru_cache(maxsize=512)  # An app sends few different lines, twice a response.
def _merged(lines: tuple[str, ...]) -> str:
    """One line that names each field once, as it was first written."""
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        names.setdefault(name.strip().lower(), name.strip())
    names.pop("", None)
    return "*" if "*" in names else ", ".join(names.values())
