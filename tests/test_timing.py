"""Each request is told of once, however it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import abort
from flask import Flask
from flask import request
from flask import Response
from flask import send_file
from flask import stream_with_context
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import create_environ
from werkzeug.test import run_wsgi_app

from flask_rf.timing import Timing
from flask_rf.timing import timing

_HANDSHAKE = {"Connection": "Upgrade", "Upgrade": "websocket"}

Told = tuple[str, str | None, int]


@pytest.fixture
def timed(app: Flask) -> Timing:
    return timing(app)


@pytest.fixture
def told(timed: Timing) -> list[Told]:
    told: list[Told] = []
    timed.listeners.append(
        lambda method, route, status, seconds: told.append((method, route, status))
    )
    return told


def test_a_request_is_told_by_method_rule_and_status(app: Flask, told: list[Told]) -> None:
    app.add_url_rule("/orders/<int:order>", view_func=lambda order: ("gone", 410), methods=["PUT"])
    app.test_client().put("/orders/7")
    assert told == [("PUT", "/orders/<int:order>", 410)]


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("DELETE", 405)])
def test_what_no_rule_matches_has_none(
    app: Flask, told: list[Told], method: str, status: int
) -> None:
    app.add_url_rule("/orders", view_func=lambda: "", methods=["POST"])
    app.test_client().open("/orders" if status == 405 else "/x", method=method).close()
    assert told == [(method, None, status)]


def test_it_is_told_how_long_it_took(app: Flask, timed: Timing) -> None:
    app.add_url_rule("/", view_func=lambda: time.sleep(0.05) or "")
    taken: list[float] = []
    timed.listeners.append(lambda *facts: taken.append(facts[-1]))
    app.test_client().get("/")
    assert 0.05 <= taken[0] < 30


def test_a_request_is_active_while_it_is_under_way(app: Flask, timed: Timing) -> None:
    app.add_url_rule("/", view_func=lambda: str(len(timed.active)))
    assert app.test_client().get("/").text == "1"
    assert not timed.active


def test_a_stream_lasts_until_its_last_byte(app: Flask, timed: Timing, told: list[Told]) -> None:
    def chunks() -> Iterator[str]:
        yield str(len(timed.active))
        yield str(len(told))

    app.add_url_rule("/", view_func=chunks)
    response = app.test_client().get("/")
    assert not told
    assert response.text == "10"
    response.close()
    response.close()
    assert told == [("GET", "/", 200)]
    assert not timed.active


def test_server_sent_events_are_told_as_they_begin(
    app: Flask, timed: Timing, told: list[Told]
) -> None:
    @app.get("/events")
    def events() -> Response:
        return Response(iter(["data: 1\n\n"]), mimetype="text/event-stream")

    with app.test_client().get("/events", buffered=False):
        assert told == [("GET", "/events", 200)]
        assert not timed.active
    assert len(told) == 1


def test_a_stream_that_is_given_up_has_ended(app: Flask, timed: Timing, told: list[Told]) -> None:
    app.add_url_rule("/", view_func=lambda: (str(n) for n in range(1000)))
    app.test_client().get("/").close()
    assert told == [("GET", "/", 200)]
    assert not timed.active


def test_a_stream_that_fails_to_close_has_ended(
    app: Flask, timed: Timing, told: list[Told]
) -> None:
    def chunks() -> Iterator[str]:
        try:
            yield "one"
        finally:
            raise LookupError("gone")

    app.add_url_rule("/", view_func=chunks)
    body, _, _ = run_wsgi_app(app, create_environ())
    assert next(iter(body)) == b"one"
    with pytest.raises(LookupError):
        body.close()  # type: ignore[attr-defined]
    assert told == [("GET", "/", 200)]
    assert not timed.active


@pytest.mark.parametrize(("sent", "status"), [(0, 500), (1, 200)])
def test_a_stream_that_fails_is_told_as_the_status_that_was_sent(
    app: Flask, told: list[Told], sent: int, status: int
) -> None:
    def chunks() -> Iterator[str]:
        yield from ["one"] * sent
        raise LookupError("gone")

    app.add_url_rule("/stream", view_func=lambda: Response(chunks()))
    body = app(create_environ("/stream"), lambda *_: lambda _: None)
    with pytest.raises(LookupError):
        list(body)
    body.close()  # type: ignore[attr-defined]
    assert told == [("GET", "/stream", status)]


def test_a_stream_with_its_request_is_told_once(app: Flask, told: list[Told]) -> None:
    @app.get("/")
    def index() -> Response:
        return Response(stream_with_context(iter([request.path, "!"])))

    with app.test_client() as client:
        response = client.get("/")
        assert response.text == "/!"
        response.close()
    assert told == [("GET", "/", 200)]


def test_a_file_that_the_server_sends_is_told(
    app: Flask, timed: Timing, told: list[Told], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("text")
    app.add_url_rule("/", view_func=lambda: send_file(tmp_path / "a.txt"))
    app.test_client().get("/").close()
    assert told == [("GET", "/", 200)]
    assert not timed.active


def test_an_error_is_the_status_of_its_page(app: Flask, told: list[Told]) -> None:
    app.add_url_rule("/", view_func=lambda: 1 / 0)
    app.register_error_handler(ZeroDivisionError, lambda error: ("sorry", 503))
    app.test_client().get("/")
    assert told == [("GET", "/", 503)]


@pytest.mark.parametrize(
    "error", [LookupError(), gevent.Timeout(1), gevent.GreenletExit(), SystemExit(1)]
)
def test_an_error_that_leaves_the_app_is_told_as_500(
    app: Flask, timed: Timing, told: list[Told], error: BaseException
) -> None:
    def fail() -> str:
        raise error

    app.add_url_rule("/", view_func=fail)
    app.testing = True
    with pytest.raises(type(error)):
        app.test_client().get("/")
    assert told == [("GET", "/", 500)]
    assert not timed.active


def test_a_url_preprocessor_that_aborts_is_told(
    app: Flask, timed: Timing, told: list[Told]
) -> None:
    app.url_value_preprocessor(lambda endpoint, values: abort(403))
    app.add_url_rule("/", view_func=lambda: "")
    app.test_client().get("/").close()
    assert told == [("GET", "/", 403)]
    assert not timed.active


def test_a_session_that_cannot_be_saved_is_told_as_the_error_it_becomes(
    app: Flask, told: list[Told]
) -> None:
    class Broken(SecureCookieSessionInterface):
        def save_session(self, *_: Any) -> None:
            raise ConnectionError

    app.session_interface = Broken()
    app.add_url_rule("/", view_func=lambda: "")
    app.test_client().get("/").close()
    assert told == [("GET", "/", 500)]


def test_functions_after_the_request_that_always_fail_are_told_as_500(
    app: Flask, timed: Timing, told: list[Told]
) -> None:
    app.after_request(lambda response: 1 / 0)
    app.add_url_rule("/", view_func=lambda: "")
    app.test_client().get("/").close()
    assert told == [("GET", "/", 500)]
    assert not timed.active


def test_a_request_that_becomes_a_socket_is_none(
    app: Flask, timed: Timing, told: list[Told]
) -> None:
    active: list[int] = []

    def socket() -> tuple[str, int]:
        active.append(len(timed.active))
        return "", int(request.args["status"])

    app.add_url_rule("/live", view_func=socket, websocket=True)
    client = app.test_client()
    for status in (200, 403):
        handshake = client.get(f"/live?status={status}", headers=_HANDSHAKE, base_url="ws://x")
        handshake.close()
    assert told == [("GET", "/live", 403)]
    assert active == [0, 0]


def test_a_socket_that_gunicorn_is_told_of_by_an_exception_is_none(
    app: Flask, timed: Timing, told: list[Told]
) -> None:
    class Served(Response):
        def __call__(self, *_: Any) -> Any:
            raise StopIteration

    app.add_url_rule("/live", view_func=lambda: Served(), websocket=True)
    with pytest.raises(StopIteration):
        app.test_client().get("/live", headers=_HANDSHAKE, base_url="ws://x")
    assert told == []
    assert not timed.active


def test_a_middleware_between_may_copy_the_environ(app: Flask) -> None:
    inner = app.wsgi_app
    app.wsgi_app = lambda environ, start: inner(dict(environ), start)  # type: ignore[method-assign]
    told: list[Told] = []
    timing(app).listeners.append(lambda *facts: told.append(facts[:3]))
    app.add_url_rule("/", view_func=lambda: "")
    app.test_client().get("/")
    assert told == [("GET", "/", 200)]


def test_what_a_middleware_inside_answers_is_no_request_of_the_app(app: Flask) -> None:
    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"me"]

    app.wsgi_app = answer  # type: ignore[method-assign, assignment]
    told: list[Told] = []
    timing(app).listeners.append(lambda *facts: told.append(facts[:3]))
    assert app.test_client().get("/").text == "me"
    assert not told
    assert not timing(app).active


@pytest.mark.parametrize("measured", [True, False])
def test_an_app_mounted_inside_answers_no_request_of_the_app(app: Flask, measured: bool) -> None:
    other = Flask("other")
    other.add_url_rule("/", view_func=lambda: "other's")
    if measured:
        timing(other)
    mounts = {"/other": other}
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]
    told: list[Told] = []
    timing(app).listeners.append(lambda *facts: told.append(facts[:3]))
    assert app.test_client().get("/other/").text == "other's"
    assert not told
    assert not timing(app).active


def test_a_request_that_another_app_answers_is_told(
    app: Flask, timed: Timing, told: list[Told]
) -> None:
    other = Flask("other")
    other.add_url_rule("/<path:path>", view_func=lambda path: "other's")
    timing(other)

    @app.get("/forwarded")
    def forwarded() -> str:
        return b"".join(other.wsgi_app(request.environ, lambda *start: None)).decode()

    assert app.test_client().get("/forwarded").text == "other's"
    assert told == [("GET", "/forwarded", 200)]
    assert not timed.active


def test_an_error_that_leaves_a_request_of_a_wrong_host_stays_itself(
    app: Flask, told: list[Told]
) -> None:
    def stop() -> None:
        raise SystemExit(1)

    app.config["TRUSTED_HOSTS"] = ["shop.example"]
    app.before_request(stop)
    with pytest.raises(SystemExit):
        app.test_client().get("/", base_url="http://elsewhere.example")
    assert told == [("GET", None, 500)]


def test_a_response_leaves_nothing_for_the_garbage_collector(app: Flask, timed: Timing) -> None:
    """A cycle through the environ would keep each body until the next collection."""
    import gc
    import weakref

    kept: list[weakref.ref[Response]] = []

    @app.get("/")
    def index() -> Response:
        response = Response("text")
        kept.append(weakref.ref(response))
        return response

    gc.disable()
    try:
        app.test_client().get("/").close()
        assert kept[0]() is None
    finally:
        gc.enable()


def test_an_app_has_one(app: Flask) -> None:
    assert timing(app) is timing(app)
