"""The documentation is true: its code runs, and what it names exists."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from typing import NamedTuple

import pytest
from flask import Flask
from playwright.sync_api import Browser
from playwright.sync_api import expect
from playwright.sync_api import Page
from playwright.sync_api import sync_playwright

import dev
import flask_rf
from flask_rf.cli import rf as commands
from flask_rf.settings import resolved_settings
from tests.apps.everything import PATIENCE
from tests.browser.conftest import chromium_path
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import ROOT
from tests.parts.redis import RedisProcess

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.rst"))
TEXT = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}

_BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>\w+)\n"
    r"(?P<options>(?:(?P=indent)   :.*\n)*)"
    r"(?P<code>(?:\n|(?P=indent)   .*\n)+)",
    re.MULTILINE,
)
_CAPTION = re.compile(r":caption: (\S+)")
_SETTING = re.compile(
    r"\b(?:TRUSTED_PROXIES"
    r"|(?:REDIS|RF|RATE_LIMIT|BROADCAST|CORS|COMPRESS|REQUEST_ID|HEALTH|METRICS|STORAGE)"
    r"_[A-Z_]*[A-Z])\b(?![*_])"
)
#: Written wrong to show what happens.
_TYPOS = {"RATE_LIMIT_PER_MINTUE"}


class Block(NamedTuple):
    language: str
    file: str | None
    code: str


def blocks(text: str) -> Iterator[Block]:
    for found in _BLOCK.finditer(text):
        caption = _CAPTION.search(found["options"])
        code = textwrap.dedent(found["code"]).strip("\n") + "\n"
        yield Block(found["language"], caption[1] if caption else None, code)


def pages(*languages: str) -> list[str]:
    """The names of the pages with code of these languages."""
    used = {page: {block.language for block in blocks(text)} for page, text in TEXT.items()}
    return [page for page in used if used[page] & set(languages)]


@pytest.mark.usefixtures("_forget_families")  # a page's counters are its own
@pytest.mark.parametrize("page", pages("python", "pycon"))
def test_the_code_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order and in one namespace, beside the page's other files; then the tests in it."""
    monkeypatch.chdir(tmp_path)
    for setting, value in PATIENCE.items():
        monkeypatch.setenv(setting, str(value))
    write_files(page, tmp_path)
    module = ModuleType(f"docs_{page.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, "app", module)  # what a page's tests import
    scope = vars(module)
    for block in blocks(TEXT[page]):
        if block.language == "python":
            exec(compile(block.code, f"{page}.rst", "exec", dont_inherit=True), scope)
        elif block.language == "pycon":
            run_session(block.code, page, scope)
    for name in [name for name in scope if name.startswith("test_")]:
        scope[name]()


@pytest.mark.node
@pytest.mark.servers
@pytest.mark.parametrize("page", pages("javascript"))
def test_the_javascript_of_a_page_is_javascript(page: str, tmp_path: Path) -> None:
    script = tmp_path / "page.mjs"
    for block in blocks(TEXT[page]):
        if block.language == "javascript":
            script.write_text(block.code, encoding="utf-8")
            checked = subprocess.run(["node", "--check", script], capture_output=True, text=True)
            assert (checked.returncode, checked.stderr) == (0, "")


def write_files(page: str, folder: Path) -> None:
    """Write what a page names a file for, save its Python."""
    for block in blocks(TEXT[page]):
        if block.file is not None and block.language != "python":
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.code, encoding="utf-8")


@pytest.mark.browser
@pytest.mark.servers
def test_the_tutorials_chat_works_between_two_workers(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    source = [block.code for block in blocks(TEXT["tutorial"]) if block.language == "python"]
    (tmp_path / "app.py").write_text("\n".join(source), encoding="utf-8")
    write_files("tutorial", tmp_path)
    options = ("--workers", "2", "--chdir", str(tmp_path))
    env = {"REDIS_URL": redis_server.url, "REDIS_TIMEOUT": "10", "RATE_LIMIT_TIMEOUT": "5"}
    server = Gunicorn("app:app", tmp_path, *options, **env)
    try:
        with sync_playwright() as playwright:
            launch = playwright.chromium.launch
            browser = launch(executable_path=chromium_path(), args=["--no-sandbox"])
            ann, bob = (enter(browser, server.url, name) for name in ("Ann", "Bob"))
            expect(ann.locator("#people")).to_contain_text("Bob")
            ann.fill("[name=text]", "Hello")
            ann.press("[name=text]", "Enter")
            expect(bob.locator("li")).to_have_text("Ann: Hello")
    finally:
        server.stop()


def enter(browser: Browser, url: str, name: str) -> Page:
    """A visitor's window, in the room."""
    window = browser.new_context().new_page()
    window.goto(url)
    window.fill("[name=name]", name)
    window.click("button")
    expect(window.locator("#people")).to_contain_text(name)
    return window


def run_session(code: str, page: str, scope: dict[str, Any]) -> None:
    """A session at Python's prompt; its long lines may be broken at any space."""
    test = doctest.DocTestParser().get_doctest(code, scope, page, f"{page}.rst", 0)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    output: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
    failed = runner.run(test, out=output.append, clear_globs=False).failed
    scope.update(test.globs)
    assert not failed, "".join(output)


@pytest.fixture(scope="module")
def declared_settings() -> ModuleType:
    """The module that fills the page of settings."""
    path = DOCS / "extensions" / "declared_settings.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def keys(module: ModuleType) -> set[str]:
    return {key for settings in module.declared().values() for key in settings}


def test_every_setting_that_an_app_reads_is_in_the_tables(
    app: Flask, declared_settings: ModuleType
) -> None:
    app.config["CORS_ORIGINS"] = "https://shop.example"
    flask_rf.RF(app)
    tables = declared_settings.sections()
    assert [key for key in resolved_settings(app) if f"``{key}``" not in tables] == []
    assert [title for title in keys(declared_settings) if f"``{title}``" not in tables] == []


@pytest.mark.servers
def test_the_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", DOCS, tmp_path]
    built = subprocess.run(command, capture_output=True, text=True)
    assert (built.returncode, built.stderr) == (0, "")
    assert "RATE_LIMIT_PER_MINUTE" in (tmp_path / "rate-limiting.html").read_text("utf-8")


def test_the_settings_of_each_feature_stand_on_its_page(declared_settings: ModuleType) -> None:
    tables = re.findall(r"^\.\. settings-tables:: (\w+)$", "\n".join(TEXT.values()), re.MULTILINE)
    of_no_feature = {"", "RF_"}
    assert sorted(tables) == sorted(set(declared_settings.declared()) - of_no_feature)


def test_every_prefix_of_settings_has_a_title(declared_settings: ModuleType) -> None:
    assert set(declared_settings.declared()) == set(declared_settings._TITLES)


@pytest.mark.parametrize("page", TEXT)
def test_every_setting_of_a_page_exists(page: str, declared_settings: ModuleType) -> None:
    real = keys(declared_settings)
    known = real | {f"{key}_FILE" for key in real} | _TYPOS
    assert sorted(set(_SETTING.findall(TEXT[page])) - known) == []


COMMANDS = {
    tuple(words.split()[:2])
    for text in TEXT.values()
    for words in re.findall(r"^ *\$ flask (?:--app \S+ )?rf (.+)", text, re.MULTILINE)
}


@pytest.mark.parametrize("words", sorted(COMMANDS), ids=" ".join)
def test_every_command_exists(words: tuple[str, ...], app: Flask) -> None:
    name, *rest = words
    group = commands.get_command(None, name)  # type: ignore[arg-type]
    assert group is not None
    arguments = [rest[0]] if rest and rest[0] in getattr(group, "commands", {}) else []
    flask_rf.RF(app)
    result = app.test_cli_runner().invoke(commands, [name, *arguments, "--help"])
    assert result.exit_code == 0, result.output


def test_every_command_of_dev_exists() -> None:
    texts = [*TEXT.values(), (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")]
    named = {line for text in texts for line in re.findall(r"\$ python3 dev\.py ([^#\n]+)", text)}
    assert named
    for line in named:
        assert dev.parse(line.split()).run


@pytest.fixture(scope="module")
def sayable() -> list[tuple[int, re.Pattern[str]]]:
    """What flask_rf can say: its strings, with a gap where something is filled in.

    Each beside the length of what is not filled in.
    """
    found = []
    for module in (ROOT / "flask_rf").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            parts = _parts(node)
            pattern = re.compile(".+?".join(map(re.escape, parts)), re.DOTALL)
            found.append((sum(map(len, parts)), pattern))
    return found


def _parts(node: ast.AST) -> list[str]:
    """The fixed parts of a text that is filled in by f-string or by ``%``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.split(r"%(?:\.\d)?[srdf]", node.value)
    if isinstance(node, ast.JoinedStr):
        texts = (v.value if isinstance(v, ast.Constant) else "\0" for v in node.values)
        return "".join(map(str, texts)).split("\0")
    return []


SAID = [b.code for b in blocks(TEXT.get("troubleshooting", "")) if b.language == "text"]


@pytest.mark.parametrize("said", SAID)
def test_every_message_is_one_of_the_package(
    said: str, sayable: list[tuple[int, re.Pattern[str]]]
) -> None:
    line = " ".join(said.split())
    assert any(size > len(line) / 4 and pattern.search(line) for size, pattern in sayable)


def test_the_browser_clients_methods_are_all_described() -> None:
    source = (ROOT / "flask_rf" / "broadcast" / "client" / "rf.js").read_text(encoding="utf-8")
    public = source[source.index("class Channel {") :]
    methods = set(re.findall(r"^    (?:get )?([a-z]\w+)\(.*\) \{$", public, re.MULTILINE))
    assert {"listen", "whisper", "here", "leave"} <= methods
    page = TEXT["broadcasting"]
    assert [name for name in sorted(methods - {"constructor"}) if name not in page] == []


def test_the_changelog_begins_with_what_is_unreleased_or_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[([^]]+)\]", changelog, re.MULTILINE)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', pyproject, re.MULTILINE)
    assert newest and version and newest[1] in {"Unreleased", version[1]}
