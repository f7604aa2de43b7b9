"""Health among the other features, and in a real gunicorn until it ends."""

from __future__ import annotations

import http.client
import io
import json
import logging
import resource
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from contextlib import ExitStack
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask

from flask_rf import RF
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until

ENDPOINTS = ["/health", "/health/live", "/health/ready", "/health/startup"]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_rule_13_probes_are_neither_limited_nor_logged_and_carry_a_request_id(
    app: Flask, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    app.config.update(RATE_LIMIT_PER_MINUTE=1, RF_ACCESS_LOG=True)
    app.add_url_rule("/", view_func=lambda: "")
    RF(app)
    lines = io.StringIO()
    logger = logging.getLogger("flask_rf.access")
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler(lines)])
    client = app.test_client()
    client.get("/").close()
    for _ in range(3):
        response = client.get(path)
        assert response.status_code == 200
        assert response.headers["X-Request-ID"]
    assert [json.loads(line)["route"] for line in lines.getvalue().splitlines()] == ["/"]


def connect(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    return connection


def ask(connection: http.client.HTTPConnection) -> list[tuple[int, bytes]]:
    """The answer, unless the listener was closed before it had accepted the connection."""
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return [(response.status, response.read())]
    return []


@pytest.mark.servers
def test_rule_02_from_sigterm_until_its_end_a_worker_says_that_it_shuts_down(
    tmp_path: Path,
) -> None:
    server = Gunicorn("tests.apps.everything:app", tmp_path)
    accepted: deque[http.client.HTTPConnection] = deque()
    try:
        wait_until(lambda: server.get("/health/ready")[0] == 200)
        server.process.signal(signal.SIGTERM)
        answers: list[tuple[int, bytes]] = []
        deadline = time.monotonic() + 30
        with suppress(OSError):  # it accepts nobody any more, perhaps before it knows
            while time.monotonic() < deadline:
                accepted.append(connect(server.port))
                if len(accepted) > 30:
                    answers += ask(accepted.popleft())
        for connection in accepted:
            time.sleep(0.02)
            answers += ask(connection)
        leaving = [body for status, body in answers if status == 503]
        assert leaving and all(b"shutting_down" in body for body in leaving)
        first = answers.index((503, leaving[0]))
        assert {status for status, _ in answers[first:]} == {503}
    finally:
        server.stop()


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Let this process and its children open as many files as they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def at_once(server: Gunicorn, number: int) -> list[tuple[int, bytes]]:
    """What so many probes are answered that all wait at the same time."""
    with ExitStack() as opened:
        probes = []
        for _ in range(number):
            probe = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            opened.callback(probe.close)
            probe.request("GET", "/health")
            probes.append(probe)
        answers = (probe.getresponse() for probe in probes)
        return [(answer.status, answer.read()) for answer in answers]


@pytest.mark.servers
@pytest.mark.usefixtures("_many_files")
@pytest.mark.parametrize(
    ("worker", "crowd", "greenlets"),
    [
        (["flask_rf.gunicorn_worker.Worker", "--worker-connections", "1100"], 1000, True),
        (["gthread", "--threads", "40"], 30, False),
    ],
    ids=["gevent", "threads"],
)
def test_rule_17_under_gevent_and_threads_a_crowd_of_probes_shares_one_run(
    tmp_path: Path, worker: list[str], crowd: int, greenlets: bool
) -> None:
    settings = {"CROWD": f"{crowd}", "HEALTH_DETAILS": "always", "HEALTH_CACHE": "300"}
    settings |= {"HEALTH_TIMEOUT": "100", "HEALTH_TOTAL_TIMEOUT": "100"}
    options = ["--worker-class", *worker]
    server = Gunicorn("tests.apps.probed:app", tmp_path, *options, **settings)
    try:
        answers = at_once(server, crowd)
        # One answer to the hundredth of a millisecond, so of one run of each check.
        ((status, body),) = set(answers)
        assert (len(answers), status) == (crowd, 200)
        checks = {name: found["status"] for name, (found,) in json.loads(body)["checks"].items()}
        assert (checks["crowd"], checks["quick"], checks["hung"]) == ("pass", "pass", "warn")
        assert ("event loop" in checks) is greenlets
        ran = {"crowd": 1, "quick": 1, "hung": 1}
        assert server.get_json("/runs") == {"runs": ran, "greenlets": greenlets}
    finally:
        server.stop()
