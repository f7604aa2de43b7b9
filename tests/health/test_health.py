"""The endpoints, as probes and people meet them."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from flask import abort
from flask import Flask
from flask import redirect
from flask import request
from flask import session
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_rf import ConfigurationError
from flask_rf import Health
from flask_rf import hooks
from flask_rf import lifecycle
from flask_rf import SetupError
from flask_rf.checks import add_check
from flask_rf.checks import Check
from flask_rf.health import Result

ENDPOINTS = ["/health", "/health/live", "/health/ready", "/health/startup"]


class Switch:
    """A check that passes while it is on."""

    def __init__(self, on: bool = True) -> None:
        self.on = on
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.on


@pytest.fixture
def database(app: Flask) -> Switch:
    """A dependency of ``app`` that can be broken."""
    switch = Switch()
    add_check(app, Check("database", switch))
    return switch


@pytest.fixture
def health(app: Flask, database: Switch) -> Health:
    return Health(app, cache=0, details="always")


@pytest.fixture
def client(app: Flask, health: Health) -> FlaskClient:
    return app.test_client()


def body_of(response: TestResponse) -> Any:
    assert response.content_type == "application/health+json"
    return json.loads(response.data)


def test_rule_01_live_is_constant(client: FlaskClient, database: Switch) -> None:
    database.on = False
    response = client.get("/health/live")
    assert (response.status_code, body_of(response)) == (200, {"status": "pass"})
    assert database.asked == 0


def test_rule_01_live_asks_nobody_who_may_see_details(app: Flask) -> None:
    asked: list[str] = []
    Health(app, details=lambda: asked.append(request.path))
    app.test_client().get("/health/live")
    assert not asked


def test_rule_02_ready_fails_with_a_dependency(client: FlaskClient, database: Switch) -> None:
    assert client.get("/health/ready").status_code == 200
    database.on = False
    response = client.get("/health/ready")
    assert (response.status_code, body_of(response)["status"]) == (503, "fail")


def test_rule_02_draining_is_not_ready_but_alive(
    client: FlaskClient, app: Flask, health: Health
) -> None:
    assert not app.extensions["rf_health"].draining
    health.drain()
    assert app.extensions["rf_health"].draining
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert body_of(response) == {"status": "fail", "output": "shutting_down"}
    assert client.get("/health").status_code == 503
    assert client.get("/health/live").status_code == 200


def test_rule_02_draining_asks_nobody(
    client: FlaskClient, health: Health, database: Switch
) -> None:
    health.drain()
    client.get("/health/ready")
    assert database.asked == 0


def test_rule_03_startup_latches_at_the_first_success(
    client: FlaskClient, database: Switch
) -> None:
    database.on = False
    assert client.get("/health/startup").status_code == 503
    database.on = True
    assert client.get("/health/startup").status_code == 200
    database.on = False
    assert client.get("/health/startup").status_code == 200
    assert client.get("/health/ready").status_code == 503


def test_rule_03_a_warning_is_a_success(app: Flask, client: FlaskClient, database: Switch) -> None:
    add_check(app, Check("mail", lambda: False, critical=False))
    assert client.get("/health/startup").status_code == 200
    database.on = False
    assert client.get("/health/startup").status_code == 200


def test_rule_04_health_is_everything(client: FlaskClient) -> None:
    checks = body_of(client.get("/health"))["checks"]
    assert {"database", "memory"} <= set(checks)
    assert any(name.startswith("disk:") for name in checks)
    assert set(body_of(client.get("/health/ready"))["checks"]) == {"database"}


def test_rule_04_what_is_not_needed_to_serve_leaves_it_ready(
    client: FlaskClient, health: Health
) -> None:
    health.check("backups", ready=False)(lambda: False)
    assert client.get("/health").status_code == 503
    assert client.get("/health/ready").status_code == 200


def test_rule_05_a_warning_still_serves(client: FlaskClient, health: Health) -> None:
    health.check("mail", critical=False)(lambda: False)
    response = client.get("/health/ready")
    assert (response.status_code, body_of(response)["status"]) == (200, "warn")


def test_rule_06_each_check_tells_status_duration_and_time(
    client: FlaskClient, health: Health
) -> None:
    @health.check("queue")
    def queue() -> Result:
        return Result("warn", "long", {"observedValue": 512, "observedUnit": "jobs"})

    body = body_of(client.get("/health"))
    found = body["checks"]["queue"][0]
    assert body["status"] == "warn"
    assert found["durationMs"] >= 0
    assert datetime.strptime(found["time"], "%Y-%m-%dT%H:%M:%SZ")
    kept = {key: found[key] for key in ("status", "output", "observedValue", "observedUnit")}
    assert kept == {
        "status": "warn",
        "output": "long",
        "observedValue": 512,
        "observedUnit": "jobs",
    }


def test_rule_06_details_of_any_kind_can_be_told(client: FlaskClient, health: Health) -> None:
    health.check("clock")(lambda: {"now": datetime(2030, 1, 2), 7: {1, 2}.__class__})
    found = body_of(client.get("/health"))["checks"]["clock"][0]
    assert found["now"] == "2030-01-02 00:00:00"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_rule_06_a_browser_gets_a_page(client: FlaskClient, path: str) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = client.get(path, headers={"Accept": accept})
    assert response.content_type == "text/html; charset=utf-8"
    assert "Everything works" in response.text
    assert response.headers["Vary"] == "Accept"


def test_rule_06_the_page_shows_the_checks(
    client: FlaskClient, health: Health, database: Switch
) -> None:
    health.check("<b>mail</b>", critical=False)(lambda: {"status": "warn", "output": "<i>slow"})
    database.on = False
    response = client.get("/health", headers={"Accept": "text/html"})
    assert response.status_code == 503
    for shown in ("Not working", "database", "&lt;b&gt;mail", "&lt;i&gt;slow", "shop"):
        assert shown in response.text
    assert "<b>mail" not in response.text


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "application/health+json"])
def test_rule_06_a_probe_gets_json(client: FlaskClient, accept: str) -> None:
    assert body_of(client.get("/health", headers={"Accept": accept}))["status"] == "pass"


def test_the_page_needs_nothing_of_the_app(app: Flask, client: FlaskClient) -> None:
    app.context_processor(lambda: abort(500))
    assert client.get("/health/live", headers={"Accept": "text/html"}).status_code == 200


@pytest.mark.parametrize(
    ("details", "debug", "shown"),
    [
        ("debug", False, False),
        ("debug", True, True),
        ("never", True, False),
        ("always", False, True),
        (lambda: request.args.get("key") == "k", False, True),
        (lambda: False, True, False),
        (lambda: 1 / 0, True, False),
    ],
)
def test_rule_11_details_are_hidden_unless_allowed(
    app: Flask, database: Switch, details: object, debug: bool, shown: bool
) -> None:
    app.debug = debug
    Health(app, details=details)
    client = app.test_client()
    assert ("checks" in body_of(client.get("/health?key=k"))) is shown
    page = client.get("/health?key=k", headers={"Accept": "text/html"}).text
    assert ("database" in page) is shown


def test_rule_11_by_default_they_are_hidden(app: Flask, database: Switch) -> None:
    Health(app)
    assert body_of(app.test_client().get("/health")) == {"status": "pass"}


def test_rule_11_what_an_error_says_is_never_told(
    client: FlaskClient, health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    @health.check("broker")
    def broker() -> None:
        raise ConnectionError("amqp://user:hunter2@broker")

    for accept in ("application/json", "text/html"):
        response = client.get("/health", headers={"Accept": accept})
        assert "raised ConnectionError" in response.text
        assert "hunter2" not in response.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("path", ENDPOINTS)
def test_rule_12_nothing_is_stored_and_head_works(client: FlaskClient, path: str) -> None:
    get, head = client.get(path), client.head(path)
    assert get.headers["Cache-Control"] == head.headers["Cache-Control"] == "no-store"
    assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_rule_12_no_session_cookie_is_set(app: Flask, client: FlaskClient, path: str) -> None:
    @app.get("/login")
    def login() -> str:
        session.permanent = True
        session["user"] = 7
        return "welcome"

    assert "Set-Cookie" in client.get("/login").headers
    response = client.get(path)
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", ENDPOINTS)
def test_rule_13_the_endpoints_are_exempt(app: Flask, client: FlaskClient, path: str) -> None:
    with app.test_request_context(path):
        assert request.endpoint in hooks.exempt_endpoints(app)


def test_rule_13_functions_of_flask_rf_still_see_probes(app: Flask, client: FlaskClient) -> None:
    def name_request(response: Any) -> Any:
        response.headers["X-Request-ID"] = "r1"
        return response

    hooks.place(app, "request_id", after=name_request)
    assert client.get("/health/live").headers["X-Request-ID"] == "r1"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_login_wall_lets_probes_through(app: Flask, client: FlaskClient, path: str) -> None:
    app.before_request(lambda: redirect("/login"))
    assert client.head(path).status_code == 200
    assert client.get(path).status_code == 200
    assert client.get("/elsewhere").status_code == 302


def test_other_methods_are_not_answered(client: FlaskClient) -> None:
    assert client.post("/health").status_code == 405
    assert client.options("/health").headers["Allow"]


def test_rule_19_a_duplicate_name_is_an_error(app: Flask, health: Health) -> None:
    with pytest.raises(SetupError, match="'database' exists already"):
        health.check("database")(lambda: None)
    health.check("mail")(lambda: None)
    with pytest.raises(SetupError, match="'mail' exists already"):
        health.check("mail")(lambda: None)
    with pytest.raises(SetupError, match="'memory' exists already"):
        add_check(app, Check("memory", lambda: None))


def test_rule_20_checks_can_be_declared_before_there_is_an_app(app: Flask) -> None:
    health = Health(details="always")

    @health.check("mail")
    def mail() -> None: ...

    health.init_app(app)
    assert "mail" in body_of(app.test_client().get("/health/ready"))["checks"]


def test_two_apps_keep_their_own_state() -> None:
    health = Health()
    one, two = Flask("one"), Flask("two")
    health.init_app(one)
    health.init_app(two)
    with one.app_context():
        health.drain()
    assert one.test_client().get("/health/ready").status_code == 503
    assert two.test_client().get("/health/ready").status_code == 200


def test_the_endpoints_can_be_elsewhere(app: Flask) -> None:
    app.config["HEALTH_PREFIX"] = "/internal/status/"
    Health(app)
    client = app.test_client()
    assert client.get("/internal/status").status_code == 200
    assert client.get("/internal/status/ready").status_code == 200
    assert client.get("/health").status_code == 404


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("HEALTH_PREFIX", "health"),
        ("HEALTH_PREFIX", "/"),
        ("HEALTH_DETAILS", "sometimes"),
        ("HEALTH_TIMEOUT", "0"),
        ("HEALTH_FAILURES", "0"),
        ("HEALTH_DISK_PATHS", "/no/such/directory"),
        ("HEALTH_MEMORY_WARN", "96"),
        ("HEALTH_DISK_FAIL", "101"),
        ("HEALTH_REDIS_CRITICAL", "perhaps"),
        ("HEALTH_DETIALS", "never"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(
    app: Flask, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.delenv("HEALTH_MEMORY_FAIL")  # by default it is 95
    app.config[key] = value
    with pytest.raises(ConfigurationError, match=key):
        Health(app)


def test_a_deadline_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        Health().check("mail", timeout=0)(lambda: None)


@pytest.mark.parametrize(
    ("function", "timeout"), [("ping", None), (None, None), (bool, "1"), (bool, -1)]
)
def test_a_check_that_could_never_run_is_refused(function: Any, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a function|more than 0 seconds"):
        Health().add("mail", function, timeout=timeout)


def test_an_async_check_is_refused_where_it_is_added(app: Flask) -> None:
    async def ping(host: str = "") -> None: ...

    class Ping:
        async def __call__(self) -> None: ...

    health = Health(app)
    for asynchronous in (ping, partial(ping, "a"), Ping(), Ping().__call__):
        with pytest.raises(ConfigurationError, match="health check 'mail'=.*: write it without as"):
            health.check("mail")(asynchronous)
    health.add("mail", lambda: None)
    assert app.test_client().get("/health/ready").status_code == 200


def test_a_check_without_a_name_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigurationError, match='write @health.check\\("name"\\)'):

        @Health().check  # type: ignore[arg-type]
        def warehouse() -> None: ...


def test_a_details_function_that_fails_is_logged(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    Health(app, details=lambda: 1 / 0)
    app.test_client().get("/health")
    (told,) = [one for one in caplog.records if "HEALTH_DETAILS failed" in one.getMessage()]
    assert told.levelno == logging.ERROR


def test_rule_02_a_worker_told_to_stop_drains(app: Flask, client: FlaskClient) -> None:
    lifecycle.leave_worker()
    assert app.extensions["rf_health"].draining
    assert client.get("/health/ready").status_code == 503
