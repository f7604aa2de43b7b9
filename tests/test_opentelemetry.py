"""RF beside OpenTelemetry's own instrumentation of Flask, which opens a span per request."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from flask_rf import RequestIDFilter
from flask_rf import RF
from tests.conftest import Logged

ORIGIN = "https://shop.example"
PAGE = {"Origin": ORIGIN, "Accept-Encoding": "gzip"}
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
TEXT = "one line that repeats itself\n" * 100


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(params=["before", "after"])
def traced(spans: InMemorySpanExporter, request: pytest.FixtureRequest) -> Flask:
    """An app instrumented before or after RF is set up on it."""
    app = Flask("shop")
    app.config.update(CORS_ORIGINS=ORIGIN, CORS_METHODS=["PUT"], COMPRESS_MIN_SIZE=1)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    if request.param == "before":
        FlaskInstrumentor.instrument_app(app, tracer_provider=provider)
    rf = RF(app)
    if request.param == "after":
        FlaskInstrumentor.instrument_app(app, tracer_provider=provider)
    limited = rf.limiter.limit("1/hour")(lambda number: TEXT)
    app.add_url_rule("/orders/<int:number>", "orders", limited)
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    app.add_url_rule("/stream", "stream", lambda: iter([TEXT]))
    return app


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/orders/7", PAGE, 200),
        ("GET", "/stream", PAGE, 200),
        ("GET", "/nowhere", PAGE, 404),
        ("GET", "/health/live", {}, 200),
        ("OPTIONS", "/orders/7", PREFLIGHT, 204),
        ("GET", "/orders/7", {"Accept-Encoding": "*;q=0"}, 406),
    ],
)
def test_opentelemetry_has_one_span_of_each_request(
    traced: Flask,
    spans: InMemorySpanExporter,
    logged: Logged,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    assert traced.test_client().open(path, method=method, headers=headers).status_code == status
    (span,) = spans.get_finished_spans()
    assert span.attributes["http.status_code"] == status
    assert span.end_time is not None
    assert not [r for r in logged() if r.levelno >= logging.WARNING]


def test_opentelemetry_sees_denials(traced: Flask, spans: InMemorySpanExporter) -> None:
    client = traced.test_client()
    statuses = [client.get("/orders/7").status_code for _ in range(2)]
    seen = [span.attributes["http.status_code"] for span in spans.get_finished_spans()]
    assert statuses == seen == [200, 429]
    assert {s.attributes["http.route"] for s in spans.get_finished_spans()} == {
        "/orders/<int:number>"
    }


def test_opentelemetry_sees_errors(traced: Flask, spans: InMemorySpanExporter) -> None:
    assert traced.test_client().get("/broken", headers=PAGE).status_code == 500
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR


def test_logs_name_opentelemetrys_span(
    traced: Flask,
    spans: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caplog.handler, "filters", [RequestIDFilter()])
    traced.add_url_rule("/talks", "talks", lambda: traced.logger.warning("hello") or "")
    traced.test_client().get("/talks")
    (span,) = spans.get_finished_spans()
    (record,) = logged()
    assert record.trace_id == f"{span.context.trace_id:032x}"
    assert record.span_id == f"{span.context.span_id:016x}"


def test_an_instrumented_app_gives_the_same_headers(traced: Flask) -> None:
    response = traced.test_client().get("/stream", headers=PAGE)
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers.getlist("Vary") == ["Origin, Accept-Encoding"]
