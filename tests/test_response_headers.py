"""The one layer that writes what features add, wherever it stands among others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from flask import request
from flask import Response
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from werkzeug.datastructures import Headers
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import create_environ
from werkzeug.test import run_wsgi_app

from flask_rf import Compress
from flask_rf import CORS
from flask_rf import current_request_id
from flask_rf import hooks
from flask_rf import Limiter
from flask_rf import RequestID
from flask_rf import RF
from flask_rf.response_headers import Header
from flask_rf.response_headers import HeaderWriter
from flask_rf.response_headers import kind_of
from flask_rf.response_headers import Outgoing

ORIGIN = "https://shop.example"
PAGE = {"Origin": ORIGIN, "Accept-Encoding": "gzip"}
Wrap = Callable[[Any], Any]


def set_up(app: Flask) -> Flask:
    """Everything that adds headers, and a view."""
    app.config.update(CORS_ORIGINS=ORIGIN, RATE_LIMIT_PER_MINUTE=50)
    RF(app)
    app.add_url_rule("/", "index", lambda: current_request_id() or "none")
    return app


def assert_whole(headers: Headers) -> None:
    """Each feature's headers stand on the response, each once."""
    assert headers.getlist("Access-Control-Allow-Origin") == [ORIGIN]
    assert [len(headers.getlist(name)) for name in ("X-Request-ID", "RateLimit")] == [1, 1]
    (vary,) = headers.getlist("Vary")
    assert sorted(vary.split(", ")) == ["Accept-Encoding", "Origin"]


def layers_of(app: Flask) -> int:
    layers, wsgi_app = 0, app.wsgi_app
    while isinstance(wsgi_app, HeaderWriter):
        layers, wsgi_app = layers + 1, wsgi_app._app
    return layers


# --- One list out of two ---


def joined(
    written: list[Header], added: dict[str, list[Header]], vary: Iterable[str] = ()
) -> list[Header]:
    outgoing = Outgoing()
    outgoing.headers.update(added)
    outgoing.vary += vary
    return outgoing.join(written)


def test_what_was_written_of_a_kind_gives_way_whatever_its_case() -> None:
    written = [("x-request-ID", "a"), ("X-Request-ID-2", "b"), ("X-REQUEST-ID", "c")]
    added = {"x-request-id": [("X-Request-ID", "own")]}
    assert joined(written, added) == [("X-Request-ID-2", "b"), ("X-Request-ID", "own")]


def test_headers_of_cors_are_of_one_kind() -> None:
    names = ("access-control-allow-origin", "Access-Control-Max-Age", "ACCESS-CONTROL-x")
    assert {kind_of(name) for name in names} == {"access-control-"}
    assert joined([(name, "*") for name in names], {"access-control-": []}) == []
    assert kind_of("Access-Controller") == "access-controller"


def test_vary_is_one_line_behind_what_others_wrote() -> None:
    written = [("Vary", "Cookie"), ("ETag", '"v1"'), ("vary", "origin, Accept")]
    assert joined(written, {}, ["Origin", "Accept-Encoding"]) == [
        ("ETag", '"v1"'),
        ("Vary", "Cookie, origin, Accept, Accept-Encoding"),
    ]


names = st.sampled_from(["Vary", "vary", "ETag", "Set-Cookie", "X-Request-ID", "Content-Type"])
lines = st.lists(st.tuples(names, st.sampled_from(["a", "b, A", "*", "c"])))


@given(lines, lines)
def test_nothing_is_lost_nothing_doubles_and_order_holds(
    written: list[Header], new: list[Header]
) -> None:
    added = {kind_of(name): [(name, value)] for name, value in new if kind_of(name) != "vary"}
    once = joined(written, added, ["Origin"])

    kept = [h for h in written if kind_of(h[0]) not in {*added, "vary"}]
    assert once[: len(kept)] == kept
    assert once[len(kept) : -1] == [header for headers in added.values() for header in headers]
    assert [name.lower() for name, _ in once].count("vary") == 1
    assert sorted(joined(once, added, ["Origin"])) == sorted(once)


# --- One layer ---


@pytest.mark.parametrize("order", list(permutations([RequestID, CORS, Compress, Limiter])))
def test_an_app_has_one_layer_whatever_is_set_up(app: Flask, order: tuple[Any, ...]) -> None:
    app.config.update(CORS_ORIGINS=ORIGIN, RATE_LIMIT_PER_MINUTE=50)
    for feature in order:
        feature(app)
    app.add_url_rule("/", "index", lambda: "hello")
    assert layers_of(app) == 1
    assert_whole(app.test_client().get("/", headers=PAGE).headers)


@pytest.mark.parametrize("feature", [RequestID, CORS, Compress, Limiter])
def test_each_feature_brings_the_layer_by_itself(app: Flask, feature: Any) -> None:
    app.config["CORS_ORIGINS"] = ORIGIN
    feature(app)
    assert layers_of(app) == 1


def test_two_apps_write_each_their_own(app: Flask) -> None:
    other = Flask("other")
    RequestID(other, header="X-Other")
    other.add_url_rule("/", "index", lambda: app.test_client().get("/", headers=PAGE).text)
    set_up(app)
    headers = other.test_client().get("/", headers=PAGE).headers
    assert {"X-Other"} == {name for name, _ in headers} - {"Content-Type", "Content-Length"}
    assert_whole(app.test_client().get("/", headers=PAGE).headers)


def test_an_app_without_features_has_none(app: Flask) -> None:
    assert hooks.exempt_endpoints(app) == set()
    assert layers_of(app) == 0


def test_a_list_that_others_keep_is_left_as_it_is() -> None:
    constant = [("Content-Type", "text/plain")]

    def inner(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        outgoing = environ["flask_rf.outgoing"]
        outgoing.starting = (lambda status, headers: headers.append(("X-A", "1")),)
        start_response("200 OK", constant)
        return [b"hello"]

    for _ in range(2):
        _, _, headers = run_wsgi_app(HeaderWriter(inner), create_environ())
        assert headers.to_wsgi_list() == [("Content-Type", "text/plain"), ("X-A", "1")]
    assert constant == [("Content-Type", "text/plain")]


# --- Among other middleware ---


class Copying:
    """Goes on with a copy of the environ."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self.app(dict(environ), start_response)
        return answer


class Lazy(Copying):
    """Asks the app once the server asks for the body."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        yield from self.app(environ, start_response)


class Late(Copying):
    """Starts the response after the app has returned, as what rewrites bodies does."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        begun: list[Any] = []
        body = b"".join(self.app(environ, lambda *started: begun.append(started)))
        start_response(*begun[0])
        return [body]


MIDDLEWARE: list[Wrap] = [Copying, Lazy, Late, ProxyFix]


@pytest.mark.parametrize("wrap", MIDDLEWARE)
@pytest.mark.parametrize("when", ["before", "after"])
def test_any_middleware_may_stand_within_or_around(app: Flask, wrap: Wrap, when: str) -> None:
    if when == "after":
        set_up(app)
    app.wsgi_app = wrap(app.wsgi_app)
    if when == "before":
        set_up(app)
    for _ in range(2):
        response = app.test_client().get("/", headers=PAGE)
        assert_whole(response.headers)
        assert response.text == response.headers["X-Request-ID"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_opentelemetry_may_come_and_go(app: Flask, when: str) -> None:
    if when == "after":
        set_up(app)
    FlaskInstrumentor.instrument_app(app)
    if when == "before":
        set_up(app)
    assert_whole(app.test_client().get("/", headers=PAGE).headers)
    FlaskInstrumentor.uninstrument_app(app)
    headers = app.test_client().get("/", headers=PAGE).headers
    # It puts back the app.wsgi_app it found, which may have been without our layer.
    assert headers["X-Request-ID"] and headers["Access-Control-Allow-Origin"] == ORIGIN
    assert headers.getlist("Vary") == ["Origin, Accept-Encoding"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_mounted_apps_answer_for_themselves(app: Flask, when: str) -> None:
    bare, own = Flask("bare"), set_up(Flask("own"))
    bare.add_url_rule("/", "index", lambda: "bare")
    mounts = {"/bare": bare, "/own": own}
    if when == "after":
        set_up(app)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]
    if when == "before":
        set_up(app)
    client = app.test_client()
    assert_whole(client.get("/", headers=PAGE).headers)
    assert_whole(client.get("/own/", headers=PAGE).headers)
    assert {name for name, _ in client.get("/bare/", headers=PAGE).headers} == {
        *("Content-Type", "Content-Length")
    }


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("other", [False, True])
def test_a_view_may_have_another_app_or_its_own_answer_the_request(
    app: Flask, other: bool, whole: bool
) -> None:
    set_up(app)
    inner = set_up(Flask("inner")) if other else app

    @app.get("/forwarded")
    def forwarded() -> Response:
        started: list[Any] = []
        request.environ["PATH_INFO"] = "/"
        body = inner.wsgi_app(request.environ, lambda *start: started.extend(start))
        return Response(list(body), *(started if whole else ()))

    for _ in range(2):
        response = app.test_client().get("/forwarded", headers=PAGE)
        assert_whole(response.headers)
        assert response.text == response.headers["X-Request-ID"]


# --- When things go wrong ---


def test_an_error_after_the_headers_leaves_each_once(app: Flask) -> None:
    set_up(app)
    app.after_request_funcs[None].insert(0, lambda response: 1 / 0)  # Flask calls it last.
    response = app.test_client().get("/", headers=PAGE)
    assert response.status_code == 500
    assert_whole(response.headers)


def test_a_stream_that_breaks_has_started_as_any_other(app: Flask) -> None:
    set_up(app)

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "one"
        raise LookupError("gone")

    environ = create_environ("/stream", headers={"Origin": ORIGIN})
    body, status, headers = run_wsgi_app(app, environ)
    assert status == "200 OK"
    assert_whole(headers)
    assert next(iter(body)) == b"one"
    with pytest.raises(LookupError):
        list(body)


def test_a_start_anew_has_the_headers_once_more() -> None:
    started: list[list[Header]] = []

    def inner(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["flask_rf.outgoing"].headers["x-a"] = [("X-A", "1")]
        start_response("200 OK", [])
        try:
            raise LookupError("gone")
        except LookupError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return []

    def note(status: str, headers: list[Header], error: Any = None) -> None:
        started.append([*headers, ("status", status), ("error", str(error and error[1]))])

    HeaderWriter(inner)(create_environ(), note)  # type: ignore[arg-type]
    assert started == [
        [("X-A", "1"), ("status", "200 OK"), ("error", "None")],
        [("X-A", "1"), ("status", "500 Internal Server Error"), ("error", "gone")],
    ]


def test_what_is_written_by_hand_reaches_the_server() -> None:
    def inner(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["flask_rf.outgoing"].headers["x-a"] = [("X-A", "1")]
        start_response("200 OK", [])(b"hello")
        return []

    body, _, headers = run_wsgi_app(HeaderWriter(inner), create_environ())
    assert (b"".join(body), headers.to_wsgi_list()) == (b"hello", [("X-A", "1")])


# --- Without a server ---


def test_a_response_processed_by_hand_has_its_headers_at_once(app: Flask) -> None:
    set_up(app)
    with app.test_request_context("/", headers=PAGE):
        headers = app.full_dispatch_request().headers
        request_id = current_request_id()
    assert headers.getlist("X-Request-ID") == [request_id]
    assert headers.getlist("Access-Control-Allow-Origin") == [ORIGIN]
    assert headers.getlist("Vary") == ["Origin, Accept-Encoding"]
