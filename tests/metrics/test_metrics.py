"""The recipe: alone, within RF, twice over, and without prometheus-client."""

from __future__ import annotations

import subprocess
import sys

import pytest
from flask import Flask

from flask_rf import ConfigurationError
from flask_rf import lifecycle
from flask_rf import Metrics
from flask_rf import RF
from flask_rf import SetupError
from flask_rf.metrics import families
from tests.parts.processes import ROOT

from .conftest import Sample

COUNT = "http_server_request_duration_seconds_count"


def visits(sample: Sample, route: str = "/") -> float:
    return sample(
        COUNT,
        http_request_method="GET",
        http_route=route,
        http_response_status_code="200",
    )


def app_with(route: str, metrics: Metrics | None = None) -> Flask:
    app = Flask("shop")
    app.add_url_rule(route, view_func=lambda: "")
    (metrics or Metrics()).init_app(app)
    return app


def test_an_app_made_twice_is_no_duplicate(sample: Sample) -> None:
    for _ in range(2):
        app_with("/twice").test_client().get("/twice")
    assert visits(sample, "/twice") == 2


def test_two_apps_in_one_process_both_count(sample: Sample) -> None:
    metrics = Metrics()
    one, two = app_with("/one", metrics), app_with("/two", metrics)
    one.test_client().get("/one"), two.test_client().get("/two"), two.test_client().get("/two")
    assert (visits(sample, "/one"), visits(sample, "/two")) == (1, 2)
    assert 'route="/one"' in two.test_client().get("/metrics").text


def test_an_app_without_metrics_is_not_counted(sample: Sample) -> None:
    app_with("/counted").test_client().get("/counted")
    other = Flask("other")
    other.add_url_rule("/counted", view_func=lambda: "")
    other.test_client().get("/counted")
    assert visits(sample, "/counted") == 1


def test_rf_has_metrics_where_prometheus_client_is_installed(app: Flask) -> None:
    rf = RF(app)
    assert "rf_metrics" in app.extensions
    assert rf.metrics.compiled is app.extensions["rf_metrics"]


def test_rf_leaves_them_out_when_told_to(app: Flask) -> None:
    app.config["METRICS_ENABLED"] = "false"
    rf = RF(app)
    assert "rf_metrics" not in app.extensions
    assert app.test_client().get("/metrics").status_code == 404
    with pytest.raises(SetupError, match="METRICS_ENABLED"):
        rf.metrics.compiled  # noqa: B018


@pytest.fixture
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "is_installed", lambda: False)


@pytest.mark.usefixtures("_no_library")
def test_without_prometheus_client_rf_leaves_them_out(app: Flask) -> None:
    rf = RF(app)
    assert "rf_metrics" not in app.extensions
    with pytest.raises(SetupError, match="pip install 'flask-rf"):
        rf.metrics.counter("orders_total", "Orders.")


@pytest.mark.usefixtures("_no_library")
def test_without_prometheus_client_what_asks_for_them_says_what_to_install(app: Flask) -> None:
    with pytest.raises(SetupError, match="pip install 'flask-rf"):
        Metrics(app)
    app.config["METRICS_ENABLED"] = "true"
    with pytest.raises(ConfigurationError, match="METRICS_ENABLED=True: .*pip install 'flask-rf"):
        RF(Flask("other"), metrics=Metrics(enabled=True))


@pytest.mark.unpatched
def test_nothing_is_imported_of_prometheus_client_where_it_is_missing() -> None:
    program = """
import sys
sys.modules["prometheus_client"] = None
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda n, *a: None if n == "prometheus_client" else real(n, *a)
from flask import Flask
from flask_rf import RF
app = Flask("shop"); RF(app)
print(app.test_client().get("/health/live").status_code)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "200\n", done.stderr


@pytest.mark.usefixtures("_forget_families")
def test_counters_of_ones_own_are_prometheus_clients(app: Flask, sample: Sample) -> None:
    metrics = Metrics()
    orders = metrics.counter("orders_total", "Orders taken.", ["country"])
    stock = metrics.gauge("stock_items", "Items in stock.")
    weights = metrics.histogram("parcel_kilograms", "Weights.", buckets=[1, 5])
    metrics.init_app(app)
    orders.labels("it").inc(3)
    stock.set(7)
    weights.observe(2)
    text = app.test_client().get("/metrics").text
    assert 'orders_total{country="it"} 3.0' in text
    assert "stock_items 7.0" in text
    assert 'parcel_kilograms_bucket{le="5.0"} 1.0' in text


@pytest.mark.usefixtures("_forget_families")
def test_a_counter_asked_for_twice_is_the_same() -> None:
    assert Metrics().counter("orders_total", "O.") is Metrics().counter("orders_total", "O.")


def test_several_workers_without_files_are_refused(app: Flask) -> None:
    Metrics(app)
    lifecycle.start_worker(1)
    with pytest.raises(ConfigurationError, match="3 workers would each tell their own numbers"):
        lifecycle.start_worker(3)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("METRICS_PATH", "metrics"),
        ("METRICS_PATH", "/"),
        ("METRICS_ALLOW", "everybody"),
        ("METRICS_BIND", "http"),
        ("METRICS_ENABLED", "perhaps"),
        ("METRICS_TOKN", "s3cret"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(app: Flask, key: str, value: str) -> None:
    app.config[key] = value
    with pytest.raises(ConfigurationError, match=key):
        Metrics(app)


def test_what_runs_is_told(app: Flask) -> None:
    Metrics(app)
    text = app.test_client().get("/metrics").text
    assert 'flask_rf_build_info{python="' in text
