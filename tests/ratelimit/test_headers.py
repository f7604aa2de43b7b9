"""What the limiter writes on responses as they start."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask
from flask import Response

from flask_rf import Limit
from flask_rf import Limiter
from flask_rf.ratelimit import RateLimitExceeded

pytestmark = pytest.mark.usefixtures("standing_clock")


def test_headers_are_written_once_though_after_request_runs_twice(app: Flask) -> None:
    Limiter(app, per_minute=5)
    app.add_url_rule("/a", "a", lambda: "a")

    @app.after_request
    def again(response: Response) -> Response:
        return app.make_response(response.get_data())

    headers = app.test_client().get("/a").headers

    assert headers.getlist("X-RateLimit-Remaining") == ["4"]


def test_a_middleware_between_may_copy_the_environ(app: Flask) -> None:
    inner = app.wsgi_app

    def copying(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return inner(dict(environ), start_response)

    app.wsgi_app = copying  # type: ignore[method-assign]
    Limiter(app, per_minute=5)
    app.add_url_rule("/a", "a", lambda: "a")

    assert app.test_client().get("/a").headers["X-RateLimit-Remaining"] == "4"


def test_one_retry_after_is_left_where_a_handler_set_its_own(app: Flask) -> None:
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")
    app.register_error_handler(429, lambda error: Response("", 429, {"retry-after": "1"}))
    client = app.test_client()
    client.get("/a")

    assert client.get("/a").headers.getlist("Retry-After") == ["60"]


def test_a_breach_the_view_gets_over_leaves_no_retry_after(app: Flask) -> None:
    limiter = Limiter(app)

    @app.get("/a")
    def a() -> str:
        try:
            with limiter.limit("1/minute"):
                return "dear"
        except RateLimitExceeded as refusal:
            return f"cheap, since {refusal.decision.limit}"

    responses = [app.test_client().get("/a") for _ in range(2)]

    assert [response.text for response in responses] == ["dear", "cheap, since 1/minute"]
    assert "Retry-After" not in responses[1].headers


def test_an_unhandled_error_tells_what_is_left_as_well(app: Flask) -> None:
    Limiter(app, per_minute=5)
    app.add_url_rule("/a", "a", lambda: 1 / 0)

    response = app.test_client().get("/a")

    assert (response.status_code, response.headers["X-RateLimit-Remaining"]) == (500, "4")


def test_a_view_called_without_wsgi_is_limited_all_the_same(app: Flask) -> None:
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")

    codes = []
    for _ in range(2):
        with app.test_request_context("/a"):
            codes.append(app.full_dispatch_request().status_code)

    assert codes == [200, 429]


def test_a_refusal_of_the_users_own_tells_once_what_it_was_given(app: Flask) -> None:
    limiter = Limiter(app)
    limit = Limit.per_minute(1).response(lambda request, headers: ("no", 429, headers))
    app.add_url_rule("/a", "a", limiter.limit(limit)(lambda: "a"))
    client = app.test_client()
    client.get("/a")

    told = [name for name, _ in client.get("/a").headers if "RateLimit" in name]

    assert len(told) == len(set(told)) == 5
