"""What Prometheus makes of it: promtool's word on all that it is to read, and a real scrape."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from websocket import create_connection

from flask_rf import RF
from flask_rf import signals
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import free_port
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until
from tests.parts.prometheus import PrometheusProcess
from tests.parts.prometheus import promtool
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.prometheus

EXAMPLES = ROOT / "examples" / "deploy"
CONFIG = EXAMPLES / "prometheus" / "prometheus.yml"
ALERTS = EXAMPLES / "prometheus" / "alerts.yml"
DASHBOARD = json.loads((EXAMPLES / "grafana" / "flask_rf.json").read_text(encoding="utf-8"))

#: What the spec names, by the labels it gives them.
SERIES = {
    "http_server_request_duration_seconds": {
        "http_request_method",
        "http_route",
        "http_response_status_code",
    },
    "http_server_active_requests": set(),
    "flask_rf_ratelimit_decisions": {"limit", "outcome"},
    "flask_rf_ratelimit_decision_seconds": set(),
    "flask_rf_ws_connections": set(),
    "flask_rf_ws_messages": {"direction"},
    "flask_rf_ws_dropped": {"reason"},
    "flask_rf_broadcast_published": set(),
    "flask_rf_broadcast_delivery_seconds": set(),
    "flask_rf_redis_up": set(),
    "flask_rf_redis_command_seconds": set(),
    "flask_rf_storage_op_seconds": {"disk", "op", "outcome"},
    "flask_rf_health_status": {"check"},
    "flask_rf_hub_stall_seconds": set(),
    "flask_rf_build_info": {"version", "python"},
}
#: Panels that are empty while nothing is given up and no files are kept.
QUIET = {"Given up", "Operations on files"}

EXPRESSIONS = [
    pytest.param(panel["title"], target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", ())
]


def filled_in(expression: str, interval: str = "5m") -> str:
    """An expression of the dashboard as Grafana would ask it."""
    expression = expression.replace("$__rate_interval", interval)
    return re.sub(r"\$(job|instance)\b", ".*", expression)


def names(text: str) -> set[str]:
    """The families that expressions read."""
    found = re.findall(r"\b(?:flask_rf|http_server)_\w+", text)
    return {re.sub("_(bucket|count|sum|total)$", "", name) for name in found}


@pytest.fixture
def measured(app: Flask) -> Flask:
    """An app in which everything that is counted has happened."""
    rf = RF(app)
    app.add_url_rule("/", view_func=rf.limiter.limit("1/hour")(lambda: ""))
    for _ in range(2):
        app.test_client().get("/").close()
    app.test_client().get("/health")
    for feature in ("ratelimit", "broadcast"):
        signals.redis_asked.send(app, feature=feature, seconds=0.001)
    signals.event_dropped.send(app, channel="", kind="slow_reader", reason="slow reader")
    facts = {"disk": "local", "operation": "put", "outcome": "ok", "seconds": 0.1, "bytes": 7}
    signals.storage_operation.send(app, **facts)
    return app


def test_promtool_finds_nothing_wrong_with_a_scrape(measured: Flask) -> None:
    text = measured.test_client().get("/metrics").data
    assert promtool("check", "metrics", text=text) == (0, "")


def test_every_series_of_the_specification_is_there_with_its_labels(measured: Flask) -> None:
    text = measured.test_client().get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    found = {
        name: set().union(*(sample.labels for sample in families[name].samples)) - {"le"}
        for name in SERIES
    }
    assert found == SERIES


@pytest.mark.parametrize("check", [("config", CONFIG), ("rules", ALERTS)])
def test_the_example_configuration_is_right(check: tuple[str, Path]) -> None:
    status, said = promtool("check", *check)
    assert status == 0, said


def test_each_alert_meets_its_trouble_and_a_quiet_day() -> None:
    status, said = promtool("test", "rules", ALERTS.with_name("alerts_test.yml"))
    assert status == 0, said
    alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
    tested = set(re.findall(r'alertname="(\w+)"', ALERTS.with_name("alerts_test.yml").read_text()))
    assert alerts == tested


def test_every_expression_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": filled_in(param.values[1])}
        for number, param in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    status, said = promtool("check", "rules", file)
    assert status == 0, said
    assert f"{len(EXPRESSIONS)} rules found" in said


def test_the_dashboard_shows_every_series_and_alerts_read_no_others() -> None:
    assert names(" ".join(param.values[1] for param in EXPRESSIONS)) == set(SERIES)
    alerts = "".join(line for line in ALERTS.read_text().splitlines(True) if "summary" not in line)
    assert names(alerts) <= set(SERIES)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def scraped(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisProcess
) -> Iterator[PrometheusProcess]:
    """A Prometheus, by the example's configuration, that has seen some traffic of an app."""
    folder, port = tmp_path_factory.mktemp("scraped"), free_port()
    env = {"REDIS_URL": redis.url, "METRICS_BIND": str(port)}
    env |= {"REDIS_TIMEOUT": "10", "RATE_LIMIT_TIMEOUT": "5"}
    app = Gunicorn("tests.apps.measured:app", folder, "--workers", "2", **env)
    prometheus = None
    try:
        visit(app)
        written = CONFIG.read_text().replace("localhost:9464", f"localhost:{port}")
        config = folder / "prometheus.yml"
        config.write_text(written.replace("15s", "1s"))
        (folder / "alerts.yml").write_text(ALERTS.read_text())
        prometheus = PrometheusProcess(config, folder)
        rate = "sum(rate(http_server_request_duration_seconds_count[5m])) > 0"
        wait_until(lambda: visit(app) or prometheus.query(rate), 60, "a rate")
        yield prometheus
    finally:
        if prometheus is not None:
            prometheus.stop()
        app.stop()


def visit(app: Gunicorn) -> None:
    socket = create_connection(f"ws://127.0.0.1:{app.port}/app/flask-rf?protocol=7", timeout=30)
    socket.recv()
    socket.send(json.dumps({"event": "pusher:subscribe", "data": {"channel": "chat"}}))
    socket.recv()
    urllib.request.urlopen(urllib.request.Request(f"{app.url}/send/chat", b""), timeout=30).close()
    socket.recv()
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(app.get, ["/limited", "/health", "/nowhere"] * 8))
    socket.close()


@pytest.mark.servers
@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_every_panel_shows_what_prometheus_has_scraped(
    scraped: PrometheusProcess, title: str, expression: str
) -> None:
    asked = filled_in(expression)
    if title in QUIET:
        assert scraped.query(asked) == []
    else:
        wait_until(lambda: scraped.query(asked), 60, title)


@pytest.mark.servers
def test_prometheus_takes_the_app_for_up_and_its_rules_for_sound(
    scraped: PrometheusProcess,
) -> None:
    wait_until(lambda: scraped.query("up") and scraped.query("up")[0]["value"][1] == "1", 60)
    [group] = scraped.get("rules")["data"]["groups"]
    assert {rule["name"] for rule in group["rules"]} == set(
        re.findall(r"- alert: (\w+)", ALERTS.read_text())
    )
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
