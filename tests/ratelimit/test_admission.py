"""What is given back when a request ends: quota and leases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from flask import abort
from flask import Flask
from flask import request
from flask import Response
from flask import send_file
from flask import stream_with_context

from flask_rf import Limiter
from tests.ratelimit.worlds import statuses


@pytest.fixture
def limiter(app: Flask) -> Limiter:
    return Limiter(app)


def test_only_responses_that_count_are_deducted(app: Flask, limiter: Limiter) -> None:
    mark = limiter.limit("2/minute", deduct_when=lambda response: response.status_code == 401)

    @app.get("/login")
    @mark
    def login() -> str:
        if "good" not in request.args:
            abort(401)
        return "welcome"

    assert statuses(app, "/login?good", 5) == [200] * 5
    assert statuses(app, "/login", 3) == [401, 401, 429]


def test_quota_is_reserved_before_the_view_so_that_none_slips_past(
    app: Flask, limiter: Limiter
) -> None:
    gate, codes = threading.Barrier(5), []
    mark = limiter.limit("5/minute", deduct_when=lambda response: response.status_code == 401)

    @app.get("/login")
    @mark
    def login() -> str:
        gate.wait(60)
        abort(401)

    def guess() -> None:
        codes.extend(statuses(app, "/login", 1))

    threads = [threading.Thread(target=guess) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == [401] * 5 + [429] * 45


def test_a_deduction_is_settled_once_though_after_request_runs_twice(
    app: Flask, limiter: Limiter
) -> None:
    asked = []
    mark = limiter.limit("5/minute", deduct_when=lambda response: asked.append(1))
    app.add_url_rule("/a", "a", mark(lambda: "a"))

    with app.test_request_context("/a"):
        response = app.full_dispatch_request()
        app.process_response(response)

    assert asked == [1]
    assert limiter.compiled.store.keys(limiter.compiled.namespace) == []


def test_quota_stays_taken_where_deduct_when_fails(
    app: Flask, limiter: Limiter, caplog: pytest.LogCaptureFixture
) -> None:
    mark = limiter.limit("1/minute", deduct_when=lambda response: 1 / 0)
    app.add_url_rule("/a", "a", mark(lambda: "a"))

    assert statuses(app, "/a", 2) == [200, 429]
    assert "deduct_when of 1/minute failed" in caplog.text


def test_requests_at_once_are_limited(app: Flask, limiter: Limiter) -> None:
    within: list[int] = []

    @app.get("/<int:depth>")
    @limiter.concurrency(2)
    def a(depth: int) -> str:
        if depth:
            within.extend(statuses(app, f"/{depth - 1}", 1))
        return "a"

    assert statuses(app, "/3", 1) == [200]
    assert within == [429, 200]
    assert statuses(app, "/0", 3) == [200, 200, 200]


def test_a_refusal_for_want_of_room_asks_to_come_back_soon(app: Flask, limiter: Limiter) -> None:
    answers = []

    @app.get("/a")
    @limiter.concurrency(1)
    def a() -> str:
        answers.append(app.test_client().get("/a"))
        return "a"

    outer = app.test_client().get("/a")

    assert outer.headers["RateLimit-Policy"] == '"1-at-once";q=1;qu="concurrent-requests"'
    assert outer.headers["RateLimit"] == '"1-at-once";r=0'
    assert answers[0].headers["Retry-After"] == "1"
    assert answers[0].json["detail"] == "At most 1 request at once may be made here."


def test_a_failed_request_ends_its_lease(app: Flask, limiter: Limiter) -> None:
    app.add_url_rule("/a", "a", limiter.concurrency(1)(lambda: 1 / 0))

    assert statuses(app, "/a", 3) == [500, 500, 500]


def test_an_app_that_a_view_has_answer_gives_back_what_it_has_taken(
    app: Flask, limiter: Limiter
) -> None:
    inner = Flask("inner")
    counts = Limiter(inner)

    @inner.get("/inner")
    @counts.limit("1/minute", deduct_when=lambda response: False)
    @counts.concurrency(1)
    def answer() -> str:
        return "inner"

    @app.get("/inner")
    @limiter.limit("10/minute")
    def outer() -> Response:
        return Response.from_app(inner, request.environ)

    assert statuses(app, "/inner", 3) == [200, 200, 200]


@pytest.mark.parametrize("with_context", [False, True])
def test_a_stream_keeps_its_lease_until_it_is_closed(
    app: Flask, limiter: Limiter, with_context: bool
) -> None:
    def chunks() -> Iterator[str]:
        yield "a"
        yield "b"

    @app.get("/a")
    @limiter.concurrency(1)
    def a() -> Response:
        return Response(stream_with_context(chunks()) if with_context else chunks())

    streaming = app.test_client().get("/a", buffered=False)
    during = statuses(app, "/a", 1)
    streaming.close()

    assert during + statuses(app, "/a", 2) == [429, 200, 200]


def streamed(response: Response) -> Response:
    response.response = response.iter_encoded()
    return response


def replaced(response: Response) -> Response:
    return Response("another", response.status)


@pytest.mark.parametrize("change", [streamed, replaced])
@pytest.mark.parametrize(
    "view", [lambda: "a", lambda: Response(iter("ab"))], ids=["text", "stream"]
)
def test_a_response_that_is_changed_afterwards_ends_its_lease(
    app: Flask,
    limiter: Limiter,
    change: Callable[[Response], Response],
    view: Callable[[], Any],
) -> None:
    app.after_request(change)
    app.add_url_rule("/a", "a", limiter.concurrency(1)(view))

    assert statuses(app, "/a", 3) == [200, 200, 200]


def test_a_file_that_the_server_sends_by_itself_ends_its_lease(
    app: Flask, limiter: Limiter
) -> None:
    app.add_url_rule("/a", "a", limiter.concurrency(1)(lambda: send_file(__file__)))

    assert statuses(app, "/a", 3) == [200, 200, 200]
