"""``flask rf metrics``."""

from __future__ import annotations

import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from flask import Flask

from flask_rf import Metrics
from flask_rf.cli import rf as commands
from flask_rf.metrics import families
from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import wait_until


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(commands, ["metrics", *arguments])
    return result.exit_code, result.output


def test_without_a_directory_it_says_what_is_missing(app: Flask) -> None:
    Metrics(app)
    status, output = run(app)
    assert status == 1
    assert "PROMETHEUS_MULTIPROC_DIR is not set: name the directory" in output


def test_without_prometheus_client_it_says_what_to_install(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "is_installed", lambda: False)
    assert "pip install 'flask-rf[metrics]'" in run(app)[1]


def test_a_directory_that_is_none_is_said(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    Metrics(app)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/no/such/folder")
    status, output = run(app)
    assert (status, "name a directory that this process can write to" in output) == (1, True)


@pytest.mark.servers
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_serves_them_on_a_port(tmp_path: Path, host: str) -> None:
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", "tests.apps.measured:app", "rf", "metrics"]
    command += ["--port", str(port), "--host", host]
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    process = Process(command, tmp_path / "metrics.log", env)
    shown = f"[{host}]" if ":" in host else host
    try:
        wait_until(lambda: "Ctrl-C stops it" in process.output())
        with urllib.request.urlopen(f"http://{shown}:{port}/metrics", timeout=30) as response:
            assert b"flask_rf_ws_connections" in response.read()
        process.signal(signal.SIGINT)
        wait_until(lambda: not process.alive)
        assert "Traceback" not in process.output()
        assert not accepts(port)
    finally:
        process.kill()


@pytest.mark.servers
def test_a_port_that_is_taken_is_said(
    tmp_path: Path, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    Metrics(app)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, output = run(app, "--port", str(taken.getsockname()[1]))
    assert (status, "in use" in output) == (1, True)
