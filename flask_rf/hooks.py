"""Where request functions stand in an app, whatever the order of set-up.

On the way in, functions run by ascending rank and before the app's own; on the
way out, after the app's own and by descending rank. Flask runs its after-request
list backwards, so the same order at the front of both lists gives both.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from functools import lru_cache
from itertools import takewhile
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
    """What flask_rf has put into one app's lists."""

    ranks: dict[int, int] = field(default_factory=dict)  # by id: callables need not hash
    exempt: set[str] = field(default_factory=set)

    def insert(self, functions: list[Any], function: F, rank: int) -> None:
        ours = [i for i, f in enumerate(functions) if self.ranks.get(id(f), rank + 1) <= rank]
        functions.insert(ours[-1] + 1 if ours else _tracers_in_front(functions), function)
        self.ranks[id(function)] = rank


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
        placed.insert(app.before_request_funcs.setdefault(None, []), before, rank)
    if after is not None:
        placed.insert(app.after_request_funcs.setdefault(None, []), after, rank)
    if teardown is not None:
        placed.insert(app.teardown_request_funcs.setdefault(None, []), teardown, rank)


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
    if not lines and merged:
        response.headers.add("Vary", merged)  # a third of what it costs to look for it again
    elif merged and lines != [merged]:
        response.headers["Vary"] = merged


@lru_cache(maxsize=512)  # An app sends few different lines, twice a response.
def _merged(lines: tuple[str, ...]) -> str:
    """One line that names each field once, as it was first written."""
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        names.setdefault(name.strip().lower(), name.strip())
    names.pop("", None)
    return "*" if "*" in names else ", ".join(names.values())
