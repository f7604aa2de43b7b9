"""Who is answered what at /metrics."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask import redirect
from flask.testing import FlaskClient
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from flask_rf import Metrics
from flask_rf import RF
from flask_rf.metric_files import Busy
from flask_rf.metrics import scrape

OUTSIDE = {"REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    Metrics(app, token="s3cret")
    return app.test_client()


def names(response: TestResponse) -> set[str]:
    return {family.name for family in text_string_to_metric_families(response.text)}


def test_a_scrape_is_answered_in_prometheus_format(client: FlaskClient) -> None:
    response = client.get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert {"flask_rf_ws_connections", "flask_rf_build_info"} <= names(response)
    assert response.headers["Cache-Control"] == "no-store"
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_open_metrics_are_answered_where_they_are_asked_for(client: FlaskClient) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert list(openmetrics.text_string_to_metric_families(response.text))


@pytest.mark.parametrize(
    "accept", ["text/plain;version=x", "text/plain;version=1.0.0;escaping=nonsense", "\xff", "*/*"]
)
def test_no_accept_makes_trouble(client: FlaskClient, accept: str) -> None:
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_series_can_be_chosen_by_name(client: FlaskClient) -> None:
    found = client.get("/metrics?name[]=flask_rf_build_info&name[]=nothing")
    assert names(found) == {"flask_rf_build_info"}


def test_too_many_names_are_a_bad_request(client: FlaskClient) -> None:
    assert client.get("/metrics?" + "name[]=a&" * 1000).status_code == 400


def test_strangers_get_the_apps_own_404(client: FlaskClient, app: Flask) -> None:
    app.register_error_handler(404, lambda error: ("nothing here", 404))
    stranger = client.get("/metrics", environ_base=OUTSIDE)
    nowhere = client.get("/nowhere", environ_base=OUTSIDE)
    assert (stranger.status_code, stranger.text) == (404, "nothing here")
    assert dict(stranger.headers) == dict(nowhere.headers)


def test_what_a_proxy_on_this_host_forwards_is_a_strangers(client: FlaskClient) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_the_token_is_enough(client: FlaskClient) -> None:
    for token, status in (("s3cret", 200), ("wrong", 404)):
        headers = {"Authorization": f"Bearer {token}"}
        response = client.get("/metrics", headers=headers, environ_base=OUTSIDE)
        assert response.status_code == status


def test_other_networks_can_be_allowed(app: Flask) -> None:
    app.config["METRICS_ALLOW"] = "198.51.100.0/24"
    Metrics(app)
    assert app.test_client().get("/metrics", environ_base=OUTSIDE).status_code == 200
    assert app.test_client().get("/metrics").status_code == 404


def test_head_has_no_body_and_other_methods_are_refused(client: FlaskClient) -> None:
    head = client.head("/metrics")
    assert (head.status_code, head.data) == (200, b"")
    post = client.post("/metrics")
    assert (post.status_code, post.headers["Allow"]) == (405, "GET, HEAD")


def test_a_login_wall_lets_scrapes_through(client: FlaskClient, app: Flask) -> None:
    app.before_request(lambda: redirect("/login"))
    assert client.get("/metrics").status_code == 200


def test_scrapes_are_not_limited(app: Flask) -> None:
    app.config["RATE_LIMIT_PER_MINUTE"] = 1
    RF(app)
    assert [app.test_client().get("/metrics").status_code for _ in range(3)] == [200] * 3


def test_it_can_be_elsewhere(app: Flask) -> None:
    Metrics(app, path="/internal/metrics")
    assert app.test_client().get("/internal/metrics").status_code == 200
    assert app.test_client().get("/metrics").status_code == 404


@pytest.mark.parametrize("error", [Busy("not free for 5 s"), OSError("no such directory")])
def test_files_that_cannot_be_read_are_said(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(scrape, "expose", fail)
    response = client.get("/metrics")
    assert (response.status_code, response.text) == (503, f"{error}\n")
