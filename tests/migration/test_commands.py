from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from flask_rf.cli import rf as commands

SOURCE = """\
from flask_limiter import Limiter
from flask_cors import CORS

limiter = Limiter(app=app, key_prefix="shop")
CORS(app, origins="https://shop.example")
"""


def migrate(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(commands, ["migrate", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(SOURCE)
    (tmp_path / "good.py").write_text("from flask import Flask\n")
    for hidden in (".venv", "node_modules"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "theirs.py").write_text(SOURCE)
    return tmp_path


def test_settings_are_gone_through_key_by_key(app: Flask) -> None:
    app.config.update(RATELIMIT_DEFAULT="5/minute", RATELIMIT_META="1/day", CORS_MAX_AGE=600)
    result = migrate(app)
    assert result.exit_code == 1
    assert "RATELIMIT_DEFAULT  renamed -> RATE_LIMIT_DEFAULT" in result.output
    assert "RATELIMIT_META  missing\n      Declare a longer limit" in result.output
    assert "CORS_MAX_AGE  same" in result.output
    assert "from-flask-limiter" in result.output


def test_the_environments_settings_count_as_well(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/tmp")
    result = migrate(app)
    assert "PROMETHEUS_MULTIPROC_DIR  same" in result.output
    assert result.exit_code == 0


def test_no_value_is_shown_that_may_be_a_secret(app: Flask) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = "redis://:sesame@localhost/0"
    assert "sesame" not in migrate(app).output
    app.config["RATELIMIT_STORAGE_URI"] = "memcached://:sesame@localhost"
    refused = migrate(app).output
    assert "refused" in refused and "sesame" not in refused


def test_an_app_without_such_settings_has_nothing_to_do(app: Flask) -> None:
    result = migrate(app)
    assert result.exit_code == 0
    assert "No setting of another library is set." in result.output


def test_sources_are_gone_through_without_loading_the_app(folder: Path) -> None:
    result = migrate(Flask("unloaded"), str(folder))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    app_file = folder / "app.py"
    assert f"{app_file}:1: flask_limiter.Limiter  same -> flask_rf.Limiter" in lines
    assert f"{app_file}:4: Limiter(key_prefix=…)  differs -> RF_PREFIX" in lines
    assert "2 imports to change (--write does it), 0 things to rename" in result.output
    assert "theirs.py" not in result.output


def test_write_changes_the_imports_and_says_what_is_left(folder: Path) -> None:
    result = migrate(Flask("unloaded"), "--write", str(folder))
    assert (folder / "app.py").read_text() == SOURCE.replace("flask_limiter", "flask_rf").replace(
        "flask_cors", "flask_rf"
    )
    assert f"{folder / 'app.py'}: imports changed" in result.output
    assert "good.py" not in result.output
    assert (folder / ".venv" / "theirs.py").read_text() == SOURCE
    assert "key_prefix" in result.output
    assert result.exit_code == 1


def test_once_nothing_is_left_the_status_is_0(folder: Path) -> None:
    (folder / "app.py").write_text(SOURCE.replace(', key_prefix="shop"', ""))
    assert migrate(Flask("unloaded"), "--write", str(folder)).exit_code == 0
    result = migrate(Flask("unloaded"), str(folder))
    assert result.exit_code == 0
    assert "Nothing of another library is left in there." in result.output


@pytest.mark.parametrize("content", [b"print 'hello'", b"\xff\xfe", b"x = '\x00'"])
def test_a_file_that_is_no_python_is_passed_over(folder: Path, content: bytes) -> None:
    (folder / "old.py").write_bytes(content)
    result = migrate(Flask("unloaded"), "--write", str(folder))
    assert f"{folder / 'old.py'}: passed over" in result.output
    assert "Traceback" not in result.output
    assert (folder / "old.py").read_bytes() == content


@pytest.mark.parametrize("content", ["+".join(["1"] * 20_000), "~" * 200_000 + "1"], ids=len)
def test_a_file_that_a_program_wrote_is_not_too_deep_for_the_others(
    folder: Path, content: str
) -> None:
    (folder / "table.py").write_text(content)
    result = migrate(Flask("unloaded"), "--write", str(folder))
    assert isinstance(result.exception, SystemExit)
    assert f"{folder / 'app.py'}: imports changed" in result.output


def test_what_python_would_say_of_a_file_is_not_ours_to_say(folder: Path) -> None:
    (folder / "app.py").write_text(f'{SOURCE}digits = "\\d+"\n')
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        migrate(Flask("unloaded"), "--write", str(folder))
    assert not said


@pytest.mark.parametrize(
    ("encoding", "head"), [("utf-8-sig", ""), ("latin-1", "# -*- coding: latin-1 -*-\n")]
)
def test_a_file_keeps_its_encoding(folder: Path, encoding: str, head: str) -> None:
    before = f"{head}from flask_cors import CORS\nname = 'é'\n"
    (folder / "old.py").write_bytes(before.encode(encoding))
    migrate(Flask("unloaded"), "--write", str(folder))
    after = before.replace("flask_cors", "flask_rf")
    assert (folder / "old.py").read_bytes() == after.encode(encoding)


def test_a_link_that_leads_nowhere_is_no_file(folder: Path) -> None:
    (folder / ".#app.py").symlink_to("ann@desk.4711")  # as Emacs locks what it edits
    result = migrate(Flask("unloaded"), "--write", str(folder))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "imports changed" in result.output


@pytest.mark.parametrize("denied", ["read_bytes", "write_bytes"])
def test_a_file_that_is_not_ours_to_touch_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, denied: str
) -> None:
    def deny(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, denied, deny)
    output = migrate(Flask("unloaded"), "--write", str(folder)).output
    assert re.search(r"app.py: (passed over|not changed) \(Permission denied\)", output)


def test_write_needs_to_know_what(app: Flask) -> None:
    result = migrate(app, "--write")
    assert result.exit_code == 2
    assert "needs the files or folders" in result.output


def test_a_path_that_is_not_there_is_named(app: Flask) -> None:
    assert "no/such/folder" in migrate(app, "no/such/folder").output
