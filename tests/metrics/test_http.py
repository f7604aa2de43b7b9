"""The series of requests."""

from __future__ import annotations

import time
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask import request
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from flask_rf import Metrics

from .conftest import Sample

DURATION = "http_server_request_duration_seconds"
BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


def labels(method: str, route: str, status: str) -> dict[str, str]:
    return {
        "http_request_method": method,
        "http_route": route,
        "http_response_status_code": status,
    }


@pytest.fixture
def counted(app: Flask) -> Flask:
    Metrics(app)

    @app.route("/orders/<int:order>", methods=["GET", "PUT"])
    def order(order: int) -> tuple[str, int]:
        return "", int(request.args.get("status", 200))

    return app


def test_a_request_is_counted_by_method_rule_and_status(counted: Flask, sample: Sample) -> None:
    client = counted.test_client()
    client.get("/orders/1"), client.get("/orders/2"), client.put("/orders/3?status=409")
    route = "/orders/<int:order>"
    assert sample(f"{DURATION}_count", **labels("GET", route, "200")) == 2
    assert sample(f"{DURATION}_count", **labels("PUT", route, "409")) == 1
    assert 0 < sample(f"{DURATION}_sum", **labels("GET", route, "200")) < 60


def test_its_buckets_are_those_of_the_semantic_conventions(counted: Flask) -> None:
    counted.test_client().get("/orders/1")
    found = {
        float(sample.labels["le"])
        for metric in REGISTRY.collect()
        if metric.name == DURATION
        for sample in metric.samples
        if "le" in sample.labels
    }
    assert sorted(found) == [*BUCKETS, float("inf")]


def test_what_no_rule_matches_shares_one_series(counted: Flask, sample: Sample) -> None:
    for path in ("/a", "/b", "/.env"):
        counted.test_client().get(path).close()
    assert sample(f"{DURATION}_count", **labels("GET", "__unmatched__", "404")) == 3


@pytest.mark.parametrize("method", ["PROPFIND", "X" * 1000, "PURGE"])
def test_unknown_methods_share_one_series(counted: Flask, sample: Sample, method: str) -> None:
    counted.test_client().open("/orders/1", method=method).close()
    assert sample(f"{DURATION}_count", **labels("_OTHER", "__unmatched__", "405")) == 1


@pytest.mark.parametrize("status", [600, 999, 99])
def test_statuses_that_http_does_not_know_share_one_series(
    counted: Flask, sample: Sample, status: int
) -> None:
    counted.test_client().get(f"/orders/1?status={status}")
    assert sample(f"{DURATION}_count", **labels("GET", "/orders/<int:order>", "0")) == 1


@given(st.text(st.characters(codec="ascii"), min_size=1), st.integers(0, 10_000))
def test_nothing_a_client_writes_makes_a_series(method: str, status: int) -> None:
    app = Flask("shop")
    Metrics(app)
    tell = app.extensions["rf_metrics"]._http._ended
    before = series()
    for _ in range(3):
        tell(method, None, status, 0.1)
    new = {key for key in series() - before if key[0] == f"{DURATION}_count"}
    assert {dict(key[1:])["http_route"] for key in new} <= {"__unmatched__"}
    assert len(app.extensions["rf_metrics"]._http._bound) <= 1


def series() -> set[tuple[Any, ...]]:
    return {
        (sample.name, *sorted(sample.labels.items()))
        for metric in REGISTRY.collect()
        for sample in metric.samples
    }


def test_requests_under_way_are_told_and_counted_down_once(counted: Flask, sample: Sample) -> None:
    http = counted.extensions["rf_metrics"]._http

    @counted.get("/stream")
    def stream() -> Any:
        return (str(number) for number in range(3))

    one, two = (counted.test_client().get("/stream") for _ in range(2))
    http.tell_active()
    assert sample("http_server_active_requests") == 2
    one.close(), one.close()
    http.tell_active()
    assert sample("http_server_active_requests") == 1
    two.close()
    http.tell_active(), http.tell_active()
    assert sample("http_server_active_requests") == 0


def test_a_scrape_tells_of_requests_under_way_at_that_moment(
    counted: Flask, sample: Sample
) -> None:
    counted.add_url_rule("/stream", view_func=lambda: iter("abc"))
    stream = counted.test_client().get("/stream")
    counted.test_client().get("/metrics")
    assert sample("http_server_active_requests") == 1
    stream.close()
    counted.test_client().get("/metrics")
    assert sample("http_server_active_requests") == 0


def test_two_who_tell_of_them_at_once_count_each_once(
    counted: Flask, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = counted.extensions["rf_metrics"]._http
    add = http._active.inc
    monkeypatch.setattr(http._active, "inc", lambda number: time.sleep(0.1) or add(number))
    counted.add_url_rule("/stream", view_func=lambda: iter("abc"))
    with counted.test_client().get("/stream"):
        telling = [Thread(target=http.tell_active) for _ in range(2)]
        for thread in telling:
            thread.start()
        for thread in telling:
            thread.join()
        assert sample("http_server_active_requests") == 1


def test_of_too_many_routes_the_method_and_status_are_told(counted: Flask, sample: Sample) -> None:
    counted.extensions["rf_metrics"]._http._children._most = 0
    counted.test_client().get("/orders/1")
    assert sample(f"{DURATION}_count", **labels("GET", "__other__", "200")) == 1
