from __future__ import annotations

import os
import subprocess
import sys

import pytest
from flask import Flask

from flask_rf import CORS
from flask_rf import RequestID
from flask_rf import RF
from flask_rf.cli import rf as rf_commands
from flask_rf.settings import resolved_settings
from tests.parts.processes import ROOT


@pytest.fixture
def app(app: Flask) -> Flask:
    app.cli.add_command(rf_commands)  # as the entry point of flask.commands does for `flask`
    return app


def table(app: Flask) -> dict[str, tuple[str, str]]:
    """What ``flask rf config`` prints: value and source by setting."""
    result = app.test_cli_runner().invoke(args=["rf", "config"])
    assert result.exit_code == 0, result.output
    head, *lines = result.output.splitlines()
    value_at, from_at = head.index("VALUE"), head.index("FROM")
    return {
        line[:value_at].strip(): (line[value_at:from_at].strip(), line[from_at:]) for line in lines
    }


def test_config_prints_every_setting_with_its_value_and_source(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["RATE_LIMIT_PER_MINUTE"] = 60
    monkeypatch.setenv("COMPRESS_LEVEL", "9")
    RF(app, request_id=RequestID(header="X-Trace"), cors=CORS(origins="https://shop.example"))

    printed = table(app)

    assert set(printed) == set(resolved_settings(app))
    assert printed["RATE_LIMIT_PER_MINUTE"] == ("60", "app.config")
    assert printed["COMPRESS_LEVEL"] == ("9", "environment")
    assert printed["REQUEST_ID_HEADER"] == ("X-Trace", "argument")
    assert printed["CORS_MAX_AGE"] == ("-", "default")
    assert printed["CORS_METHODS"] == ("-", "default")
    assert printed["COMPRESS_ALGORITHM"] == ("zstd, br, gzip", "default")
    assert list(printed) == sorted(printed)


def test_config_hides_secrets_and_says_whether_they_are_set(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:sesame@localhost:6379/0")
    app.config["BROADCAST_APP_SECRET"] = ["sesame"]
    RF(app)

    printed = table(app)

    assert printed["REDIS_URL"] == ("(hidden)", "environment")
    assert printed["RATE_LIMIT_REDIS_URL"] == ("(hidden)", "default")
    assert printed["BROADCAST_APP_SECRET"] == ("(hidden)", "app.config")
    assert "sesame" not in str(printed)


def test_config_says_that_an_unset_secret_is_unset(app: Flask) -> None:
    RF(app)
    assert table(app)["REDIS_URL"] == ("-", "default")


def test_config_of_one_feature_prints_its_settings_only(app: Flask) -> None:
    RequestID(app)
    assert set(table(app)) == {"REQUEST_ID_HEADER", "REQUEST_ID_PATTERN", "REQUEST_ID_TRUST"}


def test_config_without_any_feature_names_the_mend(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["rf", "config"])
    assert result.exit_code == 1
    assert result.output == "Error: flask_rf is not set up on this app; add RF(app)\n"


def flask(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "--app", "tests.apps.events", *arguments]
    environment = os.environ | env
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.servers
def test_the_commands_come_with_flask_itself() -> None:
    result = flask("rf", "config")
    assert result.returncode == 0, result.stderr
    assert "BROADCAST_BACKEND" in result.stdout
    assert "a secret of the tests" not in result.stdout


@pytest.mark.servers
def test_every_command_explains_itself() -> None:
    listed = flask("rf", "--help").stdout.partition("Commands:\n")[2].splitlines()
    assert {"config", "cors"} <= {line.split()[0] for line in listed}
    assert all(len(line.split()) > 1 for line in listed)


@pytest.mark.servers
def test_an_app_that_a_setting_stops_is_refused_in_one_sentence() -> None:
    result = flask("rf", "config", BROADCAST_MAX_EVENT="much")
    assert result.returncode == 1
    assert result.stderr == (
        "Error: BROADCAST_MAX_EVENT='much' (from the environment): "
        "write a whole number of at least 128\n"
    )


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_leaves_colours_out(
    app: Flask, monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    RF(app)
    result = app.test_cli_runner().invoke(args=["rf", "config"], color=True)
    assert ("\x1b[" in result.output) is coloured
