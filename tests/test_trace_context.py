from __future__ import annotations

import logging
import re
import sys
from types import ModuleType
from types import SimpleNamespace

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_rf import RequestID
from flask_rf import RequestIDFilter
from flask_rf.request_id import carry
from flask_rf.trace_context import active_span
from flask_rf.trace_context import parse
from flask_rf.trace_context import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


def test_rule_08_a_valid_traceparent_is_read() -> None:
    assert parse(VALID, None) == TraceContext(TRACE, SPAN, 1)


@pytest.mark.parametrize(
    "traceparent",
    [
        *(None, "", "00", VALID[:-1], VALID + "0", VALID + "-", VALID + "-more", f" {VALID}"),
        *(VALID.upper(), VALID.replace("a", "A"), VALID.replace("-", "_"), VALID + "\n"),
        *(f"ff-{TRACE}-{SPAN}-01", f"0x-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-0g"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01"),
        *(f"{VALID},{VALID}", f"{VALID}, {VALID}", f"01-{TRACE}-{SPAN}-01-x,{VALID}"),
    ],
)
def test_rule_08_any_other_traceparent_restarts_the_trace(traceparent: str | None) -> None:
    assert parse(traceparent, "vendor=state") is None


@pytest.mark.parametrize("rest", ["", "-", "-what-comes.next"])
def test_rule_08_higher_versions_may_add_more(rest: str) -> None:
    found = parse(f"cc-{TRACE}-{SPAN}-ff{rest}", None)
    assert found is not None
    assert found.headers() == {"traceparent": f"00-{TRACE}-{SPAN}-03"}


@pytest.mark.parametrize("rest", [".", "x", "01"])
def test_rule_08_higher_versions_add_it_after_a_dash(rest: str) -> None:
    assert parse(f"cc-{TRACE}-{SPAN}-01{rest}", None) is None


@pytest.mark.parametrize(
    "tracestate",
    ["a=1", "a=1, b@c=x y,", "0/*_-=!~", f"a={'x' * 253},b={'x' * 254}", "a=1," * 31 + "a=1"],
)
def test_rule_08_a_valid_tracestate_goes_along(tracestate: str) -> None:
    found = parse(VALID, tracestate)
    assert found is not None
    assert found.headers() == {"traceparent": VALID, "tracestate": tracestate}


@pytest.mark.parametrize(
    "tracestate",
    [
        "",
        "a",
        "a=",
        "A=1",
        "a=1=2",
        "a=é",
        "a=1\n",
        "a=\x00",
        f"a={'x' * 254},b={'x' * 254}",
        "," * 32,
    ],
)
def test_rule_08_an_invalid_tracestate_is_dropped_alone(tracestate: str) -> None:
    assert parse(VALID, tracestate) == TraceContext(TRACE, SPAN, 1)


@given(
    st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"),
    st.none() | st.text() | st.from_regex(r"([a-z]=[ -~]*,?)*"),
)
def test_rule_08_no_value_raises_and_only_valid_ones_go_on(
    traceparent: str, tracestate: str | None
) -> None:
    found = parse(traceparent, tracestate)
    for name, value in (found.headers() if found else {}).items():
        assert value.isascii() and value.isprintable()
        assert name == "tracestate" or re.fullmatch("00(-[0-9a-f]+){3}", value)


@pytest.fixture
def record() -> logging.LogRecord:
    return logging.LogRecord("shop", logging.INFO, __file__, 1, "hello", None, None)


def test_rule_08_log_records_carry_the_callers_trace(app: Flask, record: logging.LogRecord) -> None:
    RequestID(app)
    with app.test_request_context(headers={"traceparent": VALID}):
        carried = carry(RequestIDFilter().filter)
    carried(record)
    assert (record.trace_id, record.span_id) == (TRACE, SPAN)  # type: ignore[attr-defined]


def test_rule_08_log_records_have_a_default_without_a_trace(record: logging.LogRecord) -> None:
    RequestIDFilter().filter(record)
    assert record.trace_id == record.span_id == "-"  # type: ignore[attr-defined]


def test_rule_08_an_untrusted_trace_is_not_taken_over(app: Flask) -> None:
    request_id = RequestID(app, trust="never")
    with app.test_request_context(headers={"traceparent": VALID}):
        assert "traceparent" not in request_id.headers()


def test_rule_10_the_trace_goes_on_to_other_services(app: Flask) -> None:
    request_id = RequestID(app)
    with app.test_request_context(headers={"traceparent": VALID, "tracestate": "a=1"}):
        headers = request_id.headers()
    assert (headers["traceparent"], headers["tracestate"]) == (VALID, "a=1")


def test_rule_10_a_tracestate_without_traceparent_is_dropped(app: Flask) -> None:
    request_id = RequestID(app)
    with app.test_request_context(headers={"tracestate": "a=1"}):
        assert request_id.headers().keys() == {"X-Request-ID"}


@pytest.fixture
def span(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The current span of an OpenTelemetry API as it is specified, which need not be installed."""
    context = SimpleNamespace(trace_id=0xABC, span_id=0xDEF, trace_flags=1, is_valid=True)
    api = ModuleType("opentelemetry.trace")
    api.get_current_span = lambda: SimpleNamespace(  # type: ignore[attr-defined]
        get_span_context=lambda: context
    )
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", api)
    return context


def test_rule_09_log_records_carry_the_active_span(
    app: Flask, record: logging.LogRecord, span: SimpleNamespace
) -> None:
    RequestID(app)
    with app.test_request_context(headers={"traceparent": VALID}):
        RequestIDFilter().filter(record)
    assert record.trace_id == "abc".rjust(32, "0")  # type: ignore[attr-defined]
    assert record.span_id == "def".rjust(16, "0")  # type: ignore[attr-defined]


def test_rule_09_an_active_span_passes_itself_on(app: Flask, span: SimpleNamespace) -> None:
    request_id = RequestID(app)
    with app.test_request_context(headers={"traceparent": VALID}):
        assert request_id.headers().keys() == {"X-Request-ID"}


def test_rule_09_without_a_valid_span_there_is_none(span: SimpleNamespace) -> None:
    span.is_valid = False
    assert active_span() is None
