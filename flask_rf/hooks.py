"""Where request functions stand in an app, whatever the order of set-up, and what they add.

On the way in, functions run by ascending rank and before the app's own; on the
way out, after the app's own and by descending rank. Flask runs its after-request
list backwards, so the front of both lists is the place for ours.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from operator import itemgetter
from typing import Any
from typing import TypeVar

from flask import Flask
from flask import Request
from flask import request
from flask import request_started
from flask import Response
from werkzeug.datastructures import Headers

from .response_headers import Header
from .response_headers import HeaderWriter
from .response_headers import OUTGOING
from .response_headers import Outgoing
from .response_headers import Starting

RANKS = ("request_id", "metrics", "compression", "cors", "limiter", "health")

Before = Callable[[], Any]
After = Callable[[Response], Response]
Teardown = Callable[[BaseException | None], None]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class _Placed:
    """What flask_rf does around the requests of one app: functions by ascending rank."""

    befores: list[tuple[int, Before]] = field(default_factory=list)
    afters: list[tuple[int, After]] = field(default_factory=list)
    exempt: set[str] = field(default_factory=set)
    writes_headers: bool = False

    def put_tracers_first(self, app: Flask, **_: Any) -> None:
        """Move OpenTelemetry's function, which opens a request's span, before ours.

        It warns of each response that was given before. As the first request starts: only then
        has the app been instrumented if it ever is.
        """
        functions = app.before_request_funcs[None]
        # Not in place: another first request may be going through the list.
        app.before_request_funcs[None] = sorted(functions, key=_is_tracer, reverse=True)
        request_started.disconnect(self.put_tracers_first)


# One function in each of Flask's lists stands for all of ours: Flask asks of each, request by
# request, whether it is a coroutine, which takes longer than many of ours. Of a method it
# takes longer still.


def _run_before(functions: list[tuple[int, Before]]) -> Before:
    def before() -> Any:
        for _, function in functions:
            answer = function()
            if answer is not None:
                return answer
        return None

    return before


def _run_after(functions: list[tuple[int, After]]) -> After:
    def after(response: Response) -> Response:
        for _, function in reversed(functions):
            response = function(response)
        return response

    return after


def _is_tracer(function: Any) -> bool:
    return (getattr(function, "__module__", None) or "").startswith("opentelemetry.")


def _placed(app: Flask) -> _Placed:
    placed: _Placed = app.extensions.setdefault("rf_hooks", _Placed())
    return placed


def place(
    app: Flask,
    feature: str,
    *,
    before: Before | None = None,
    after: After | None = None,
) -> None:
    """Put a feature's request functions where its rank says.

    :param feature: one of :data:`RANKS`.
    :raises AssertionError: Flask's own, when the app has already served a request.
    """
    # A bare insertion into Flask's lists escapes the check its decorators make.
    app._check_setup_finished(f"flask_rf.{feature}")
    placed, rank = _placed(app), RANKS.index(feature)
    if before is not None:
        request_started.connect(placed.put_tracers_first, app)
        _insert(placed.befores, rank, before, app.before_request_funcs, _run_before)
    if after is not None:
        write_headers(app)
        _insert(placed.afters, rank, after, app.after_request_funcs, _run_after)


def _insert(
    ours: list[tuple[int, F]],
    rank: int,
    function: F,
    registry: dict[Any, list[Any]],
    run: Callable[[list[tuple[int, F]]], F],
) -> None:
    if not ours:
        registry.setdefault(None, []).insert(0, run(ours))
    insort(ours, (rank, function), key=itemgetter(0))


def write_headers(app: Flask) -> None:
    """Put the layer around ``app`` that writes what :func:`add_headers` adds, once."""
    placed = _placed(app)
    if not placed.writes_headers:
        placed.writes_headers = True
        app.wsgi_app = HeaderWriter(app.wsgi_app)  # type: ignore[method-assign]


def at_teardown(app: Flask, function: Teardown) -> None:
    """Have ``function`` called as a request is torn down, from the one under way on."""
    # At the end, where Flask begins: it may be going through the list at this moment.
    app.teardown_request_funcs.setdefault(None, []).append(function)


def exempt(app: Flask, *endpoints: str) -> None:
    """Mark endpoints that serve flask_rf itself: app-wide limits and access logs pass over them."""
    _placed(app).exempt.update(endpoints)


def exempt_endpoints(app: Flask) -> set[str]:
    """The endpoints marked by :func:`exempt`; static files are the limiter's own affair."""
    return _placed(app).exempt


#: The request itself: each look through Flask's proxy costs more than what it looks up.
current_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]


def add_headers(
    current: Request,
    response: Response | None,
    headers: Mapping[str, Iterable[Header]],
    vary: Iterable[str] = (),
) -> None:
    """Have headers on a response, from a function after the request.

    They are written as the response starts, past what the app's own functions look at. What
    is added again, as Flask handles an error after the response that failed, stands once.

    :param response: None while there is none yet, after an error: should a function after the
        request fail again over its page, ours are not reached.
    :param headers: by their kind (:func:`~flask_rf.response_headers.kind_of`); what others
        wrote of that kind gives way.
    :param vary: names for the one ``Vary`` line.
    """
    layer: Outgoing | None = current.environ.get(OUTGOING)
    outgoing = layer or Outgoing()
    outgoing.headers.update(headers)
    outgoing.vary += vary
    # Where nobody would write them: a view called by hand, app.wsgi_app put back.
    if layer is None and response is not None:
        response.headers = Headers(outgoing.join(response.headers))


def as_it_starts(current: Request, function: Starting) -> None:
    """Have ``function(status, headers)`` called as the response to a request starts.

    :param function: takes the status line, and the finished list of headers to append to. It
        is not called where no server is: a view called by hand.
    """
    outgoing: Outgoing | None = current.environ.get(OUTGOING)
    if outgoing is not None:
        outgoing.starting += (function,)


def as_it_ends(current: Request, function: Callable[[], None]) -> None:
    """Have ``function`` called once the server has sent the response, or given it up.

    Not by ``Response.call_on_close``: of a file that the server is to send by itself, and of a
    response in whose place a function of the app's puts another, nobody calls that.
    """
    outgoing: Outgoing | None = current.environ.get(OUTGOING)
    if outgoing is not None:
        outgoing.ending.append(function)
