"""Health among the other features, and in a real gunicorn until it ends."""

from __future__ import annotations

import http.client
import io
import json
import logging
import signal
import time
from collections import deque
from contextlib import closing
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
