from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import abort
from flask import Flask
from flask import request
from flask import Response
from flask import send_file
from werkzeug.test import create_environ
from werkzeug.test import run_wsgi_app

from flask_rf import ConfigurationError
from flask_rf import hooks
from flask_rf import RequestID
from flask_rf.logs import AccessLog
from flask_rf.logs import logger
from flask_rf.trace_context import TraceContext
from tests.conftest import Logged

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Log(StringIO):
    """The access log as its reader gets it."""

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def entry(self) -> dict[str, Any]:
        (only,) = self.entries()
        return only


@pytest.fixture(autouse=True)
def _fresh_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("handlers", []), ("level", logging.NOTSET), ("propagate", True)):
        monkeypatch.setattr(logger, name, value)
    logger.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.fixture
def log(_fresh_logger: None) -> Log:
    log = Log()
    logger.addHandler(logging.StreamHandler(log))
    return log


@pytest.fixture
def app(app: Flask) -> Flask:
    app.add_url_rule("/orders/<int:number>", view_func=lambda number: f"{number} é", endpoint="o")
    return app


def test_rule_12_a_request_is_one_line_of_json(app: Flask, log: Log) -> None:
    AccessLog(app)
    RequestID(app)
    headers = {"X-Request-ID": "caller-id", "traceparent": TRACEPARENT}
    app.test_client().get("/orders/7?secret=x", headers=headers, buffered=True)
    entry = log.entry()
    assert datetime.fromisoformat(entry.pop("time")).utcoffset() is not None
    assert 0 < entry.pop("duration_ms") < 60_000
    assert entry == {
        "request_id": "caller-id",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "client": "127.0.0.1",
        "method": "GET",
        "route": "/orders/<int:number>",
        "status": 200,
        "bytes": 4,
    }


def test_rule_12_every_field_is_escaped(app: Flask, log: Log) -> None:
    AccessLog(app)
    environ = {"REQUEST_METHOD": 'X"\n\x1b\u2028', "REMOTE_ADDR": "127.0.0.1\n"}
    app.test_client().get("/orders/7", environ_overrides=environ, buffered=True)
    assert log.entry()["method"] == 'X"\n\x1b\u2028'.upper()
    (line,) = log.getvalue().splitlines()
    assert line.isascii() and line.isprintable()


@pytest.mark.parametrize(
    ("path", "method", "status", "route"),
    [
        ("/unknown", "GET", 404, None),
        ("/orders/7", "DELETE", 405, None),
        ("/broken", "GET", 500, "/broken"),
        ("/denied", "GET", 403, "/denied"),
    ],
)
def test_rule_12_errors_are_logged(
    app: Flask, log: Log, path: str, method: str, status: int, route: str | None
) -> None:
    app.add_url_rule("/broken", view_func=lambda: 1 / 0, endpoint="broken")
    app.add_url_rule("/denied", view_func=lambda: abort(403), endpoint="denied")
    AccessLog(app)
    response = app.test_client().open(path, method=method, buffered=True)
    entry = log.entry()
    assert (entry["status"], entry["route"]) == (status, route)
    assert entry["bytes"] == len(response.data)


@pytest.mark.parametrize("error", [LookupError(), gevent.Timeout(1), SystemExit(1)])
def test_rule_12_an_error_that_leaves_the_app_is_logged(
    app: Flask, log: Log, error: BaseException
) -> None:
    def fail() -> str:
        raise error

    app.add_url_rule("/broken", view_func=fail)
    app.testing = True
    AccessLog(app)
    with pytest.raises(type(error)):
        app.test_client().get("/broken")
    entry = log.entry()
    assert (entry["status"], entry["route"], entry["bytes"]) == (500, "/broken", 0)


def test_rule_12_headers_that_no_server_sends_are_logged_as_the_error_they_are(
    app: Flask, log: Log
) -> None:
    def refuse(*_: Any) -> Any:
        raise ValueError("Invalid header")

    AccessLog(app)
    with pytest.raises(ValueError):
        app.wsgi_app(create_environ("/orders/7"), refuse)
    assert log.entry()["status"] == 500


def test_rule_12_a_socket_that_gunicorn_is_told_of_by_an_exception_is_logged_once(
    app: Flask, log: Log
) -> None:
    class Served(Response):
        def __call__(self, *_: Any) -> Any:
            raise StopIteration

    app.add_url_rule("/live", view_func=lambda: Served(), websocket=True)
    AccessLog(app)
    with pytest.raises(StopIteration):
        app.test_client().get("/live", base_url="ws://x", headers={"Upgrade": "websocket"})
    assert log.entry()["status"] == 101


def test_rule_12_a_request_that_another_app_answers_is_logged_by_both(app: Flask, log: Log) -> None:
    other = Flask("other")
    other.add_url_rule("/<path:path>", view_func=lambda path: "other's")

    @app.get("/forwarded")
    def forwarded() -> Any:
        return Response(other.wsgi_app(request.environ, lambda *start: None))

    AccessLog(other)
    AccessLog(app)
    app.test_client().get("/forwarded", buffered=True)
    assert {entry["route"] for entry in log.entries()} == {"/forwarded", "/<path:path>"}


def test_rule_12_a_url_preprocessor_that_aborts_is_logged(app: Flask, log: Log) -> None:
    app.url_value_preprocessor(lambda endpoint, values: abort(404))
    AccessLog(app)
    app.test_client().get("/orders/7", buffered=True)
    assert log.entry()["status"] == 404


@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_rule_12_bodies_that_are_not_sent_count_nothing(
    app: Flask, log: Log, status: int, method: str
) -> None:
    app.add_url_rule("/x", view_func=lambda: Response("body", status), endpoint="x")
    AccessLog(app)
    app.test_client().open("/x", method=method, buffered=True)
    assert log.entry()["bytes"] == (4 if (method, status) == ("GET", 200) else 0)


class Stream:
    """A body whose end is watched."""

    def __init__(self) -> None:
        self.closed = 0
        self._chunks = iter(["one", b"two", "é"])

    def __iter__(self) -> Iterator[str | bytes]:
        return self

    def __next__(self) -> str | bytes:
        return next(self._chunks)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(("taken", "size"), [(1, 3), (2, 6), (3, 8)])
def test_rule_12_a_stream_counts_what_was_taken_and_is_closed_once(
    app: Flask, log: Log, taken: int, size: int
) -> None:
    stream = Stream()
    app.add_url_rule("/stream", view_func=lambda: Response(stream), endpoint="stream")
    AccessLog(app)
    response = app.test_client().get("/stream", buffered=False)
    body = response.iter_encoded()
    for _ in range(taken):
        next(body)
    assert not log.getvalue()
    response.close()
    assert log.entry()["bytes"] == size
    assert stream.closed == 1


@pytest.mark.parametrize(("sent", "status"), [(0, 500), (1, 200)])
def test_rule_12_a_stream_that_fails_is_logged_with_the_status_that_was_sent(
    app: Flask, log: Log, sent: int, status: int
) -> None:
    def chunks() -> Iterator[str]:
        yield from ["one"] * sent
        raise LookupError("gone")

    app.add_url_rule("/stream", view_func=lambda: Response(chunks()))
    AccessLog(app)
    body = app(create_environ("/stream"), lambda *_: lambda _: None)
    with pytest.raises(LookupError):
        list(body)
    body.close()  # type: ignore[attr-defined]
    assert log.entry()["status"] == status


def test_rule_12_a_stream_that_fails_to_close_is_logged(app: Flask, log: Log) -> None:
    def chunks() -> Iterator[str]:
        try:
            yield "one"
        finally:
            raise LookupError("gone")

    app.add_url_rule("/stream", view_func=chunks)
    AccessLog(app)
    body, _, _ = run_wsgi_app(app, create_environ("/stream"))
    next(iter(body))
    with pytest.raises(LookupError):
        body.close()  # type: ignore[attr-defined]
    assert (log.entry()["route"], log.entry()["bytes"]) == ("/stream", 3)


@pytest.mark.parametrize(("method", "size"), [("GET", 5), ("HEAD", 0)])
def test_rule_12_a_file_the_server_sends_is_logged(
    app: Flask, log: Log, tmp_path: Path, method: str, size: int
) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    app.add_url_rule("/file", view_func=lambda: send_file(tmp_path / "file"), endpoint="file")
    AccessLog(app)
    app.test_client().open("/file", method=method).close()
    assert log.entry()["bytes"] == size


def test_rule_12_a_socket_is_logged_as_its_handshake(app: Flask, log: Log) -> None:
    app.add_url_rule("/socket", view_func=lambda: "", endpoint="socket", websocket=True)
    AccessLog(app)
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket"}
    app.test_client().get("/socket", headers=handshake)
    assert (log.entry()["status"], log.entry()["bytes"]) == (101, 0)


def test_rule_12_a_refused_handshake_is_logged_as_refused(app: Flask, log: Log) -> None:
    app.add_url_rule("/socket", view_func=lambda: abort(403), endpoint="socket", websocket=True)
    AccessLog(app)
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket"}
    response = app.test_client().get("/socket", headers=handshake, buffered=True)
    assert (log.entry()["status"], log.entry()["bytes"]) == (403, len(response.data))


def test_rule_12_a_response_closed_twice_is_one_line(app: Flask, log: Log) -> None:
    app.add_url_rule("/stream", view_func=lambda: Response(map(str, range(3))), endpoint="stream")
    AccessLog(app)
    with app.test_request_context("/stream"):
        response = app.full_dispatch_request()
    response.close()
    response.close()
    assert log.entry()["status"] == 200


def test_rule_12_a_failure_after_the_request_leaves_one_line(app: Flask, log: Log) -> None:
    AccessLog(app)
    app.after_request_funcs[None].insert(0, lambda response: 1 / 0)
    app.test_client().get("/orders/7", buffered=True)
    assert log.entry()["status"] == 500


def test_rule_12_a_failure_before_the_log_has_its_turn_leaves_one_line(
    app: Flask, log: Log
) -> None:
    AccessLog(app)
    app.after_request(lambda response: 1 / 0)
    app.test_client().get("/orders/7", buffered=True)
    entry = log.entry()
    assert (entry["status"], entry["route"]) == (500, "/orders/<int:number>")


def test_rule_12_endpoints_of_flask_rf_itself_are_passed_over(app: Flask, log: Log) -> None:
    AccessLog(app)
    hooks.exempt(app, "o")
    app.test_client().get("/orders/7", buffered=True)
    assert log.entries() == []


def test_rule_12_without_request_ids_the_fields_are_null(app: Flask, log: Log) -> None:
    AccessLog(app)
    app.test_client().get("/orders/7", buffered=True)
    entry = log.entry()
    assert entry["request_id"] is entry["trace_id"] is entry["span_id"] is None


def test_rule_12_lines_go_to_standard_output_where_nothing_else_is_said(
    app: Flask, capsys: pytest.CaptureFixture[str], logged: Logged
) -> None:
    AccessLog(app)
    app.test_client().get("/orders/7", buffered=True)
    output = capsys.readouterr()
    assert json.loads(output.out)["status"] == 200
    assert output.err == ""
    assert not logged(), "the root logger would write them again"


def test_rule_12_handlers_of_your_own_get_the_lines_alone(
    app: Flask, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    AccessLog(app)
    app.test_client().get("/orders/7", buffered=True)
    assert log.entry()["status"] == 200
    assert capsys.readouterr().out == ""


def test_rule_12_a_level_of_your_own_stands(app: Flask, log: Log) -> None:
    logger.setLevel(logging.WARNING)
    AccessLog(app)
    app.test_client().get("/orders/7", buffered=True)
    assert log.entries() == []


def test_rule_09_a_line_names_the_active_span(
    app: Flask, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = TraceContext("a" * 32, "b" * 16)
    monkeypatch.setattr("flask_rf.logs.active_span", lambda: span)
    AccessLog(app)
    RequestID(app)
    app.test_client().get("/orders/7", headers={"traceparent": TRACEPARENT}, buffered=True)
    assert (log.entry()["trace_id"], log.entry()["span_id"]) == ("a" * 32, "b" * 16)


@pytest.mark.parametrize(("written", "asked"), [(None, False), ("true", True), ("false", False)])
def test_rule_12_it_is_on_by_one_setting(
    app: Flask, monkeypatch: pytest.MonkeyPatch, written: str | None, asked: bool
) -> None:
    if written is not None:
        monkeypatch.setenv("RF_ACCESS_LOG", written)
    assert AccessLog.configured(app) is asked


def test_rule_12_the_setting_silences_it(app: Flask, log: Log) -> None:
    app.config["RF_ACCESS_LOG"] = False
    AccessLog(app)
    app.test_client().get("/orders/7", buffered=True)
    assert log.entries() == []


def test_rule_12_a_setting_that_cannot_be_meant_is_refused(app: Flask) -> None:
    app.config["RF_ACCESS_LOG"] = "json"
    with pytest.raises(ConfigurationError, match="write true or false"):
        AccessLog.configured(app)
