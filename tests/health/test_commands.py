from __future__ import annotations

import pytest
from flask import Flask

from flask_rf import Health
from flask_rf.health.commands import health as command


def run(app: Flask) -> tuple[int, str]:
    app.cli.add_command(command)
    result = app.test_cli_runner().invoke(args=["health"])
    return result.exit_code, result.output


def test_the_command_lists_the_checks_and_succeeds(app: Flask) -> None:
    health = Health(app)
    health.check("mail", critical=False)(lambda: {"status": "warn", "output": "slow"})
    status, output = run(app)
    assert status == 0
    assert "pass  memory" in output
    assert "warn  mail" in output and "slow" in output
    assert output.splitlines()[-1] == "warn"


def test_the_command_fails_with_a_critical_check(app: Flask) -> None:
    Health(app).check("database")(lambda: False)
    status, output = run(app)
    assert status == 1
    assert "fail  database" in output


@pytest.mark.parametrize("set_up", [False])
def test_the_command_says_what_is_missing(app: Flask, set_up: bool) -> None:
    status, output = run(app)
    assert status == 1
    assert "add Health(app)" in output
