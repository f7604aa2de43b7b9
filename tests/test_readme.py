"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

import flask_rf
from flask_rf.cli import rf as commands

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_ten_lines_are_an_app_that_sends_events() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    scope: dict[str, Flask] = {"__name__": "readme"}
    exec(compile(source, "README.md", "exec"), scope)  # type: ignore[arg-type]
    response = scope["app"].test_client().post("/hello/ann")
    assert response.status_code == 204
    assert response.headers["X-RateLimit-Remaining"] == "59"


@pytest.mark.parametrize("row", re.findall(r"^\| `rf\.(\w+)` \| `(\w+)\(app\)`", README, re.M))
def test_each_feature_of_the_table_is_there(row: tuple[str, str]) -> None:
    attribute, name = row
    rf = flask_rf.RF()
    assert type(getattr(rf, attribute)) is getattr(flask_rf, name)


def test_the_table_leaves_no_feature_out() -> None:
    listed = re.findall(r"^\| `rf\.(\w+)`", README, re.M)
    assert set(listed) == set(flask_rf.RF.__annotations__)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"flask rf (\w+)", README))))
def test_each_command_is_there(name: str, app: Flask) -> None:
    flask_rf.RF(app)
    assert app.test_cli_runner().invoke(commands, [name, "--help"]).exit_code == 0


def test_the_pictures_are_there() -> None:
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (Path(__file__).parents[1] / path).is_file()
