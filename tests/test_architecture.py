"""What the design promises of the code itself; import-linter holds the whole order of imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

import flask_rf
from flask_rf.recipe import Recipe
from tests.parts.processes import ROOT

MODULES = sorted((ROOT / "flask_rf").rglob("*.py"))
PURE = [
    "kinds",
    "ratelimit.limit",
    "ratelimit.plan",
    "broadcast.channel",
    "broadcast.envelope",
    "broadcast.event_stream",
    "broadcast.http_messages",
    "broadcast.protocol",
    "broadcast.session",
    "broadcast.signature",
    "broadcast.wire",
    "storage.disposition",
    "storage.parts",
    "storage.path",
    "storage.signature",
    "storage.sniff",
    "storage.terms",
    "dashboard.keys",
    "dashboard.window",
    "doctor.app",
    "doctor.facts",
    "doctor.findings",
    "doctor.machine",
    "doctor.redis",
    "migration.imports",
    "migration.library",
    "migration.source",
]
MAX_MODULE = 300  # lines
MAX_FUNCTION = 50  # lines


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def package_of(module: Path) -> list[str]:
    return list(module.relative_to(ROOT).parent.parts)


def imports(module: Path) -> Iterator[str]:
    """The absolute names of all that a module imports, in functions too."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = package_of(module)
            base = package[: len(package) - node.level + 1] if node.level else []
            home = ".".join([*base, *filter(None, [node.module])])
            yield home
            yield from (f"{home}.{alias.name}" for alias in node.names)


def features() -> set[str]:
    public = (getattr(flask_rf, name) for name in flask_rf.__all__)
    recipes: list[type[Recipe[Any]]] = [
        found for found in public if isinstance(found, type) and issubclass(found, Recipe)
    ]
    return {".".join(recipe.__module__.split(".")[:2]) for recipe in recipes}


def files_of(name: str) -> list[Path]:
    path = ROOT.joinpath(*name.split("."))
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def test_no_feature_imports_another() -> None:
    assert {"flask_rf.cors", "flask_rf.broadcast", "flask_rf.request_id"} <= features()
    found = [
        f"{file.relative_to(ROOT)} imports {name}"
        for feature, other in permutations(features(), 2)
        for file in files_of(feature)
        for name in imports(file)
        if f"{name}.".startswith(f"{other}.")
    ]
    assert found == []


@pytest.mark.parametrize("name", PURE)
def test_pure_logic_knows_no_flask_no_gevent_no_redis(name: str) -> None:
    [file] = files_of(f"flask_rf.{name}")
    tops = {imported.partition(".")[0] for imported in imports(file)}
    assert tops & {"flask", "werkzeug", "gevent", "redis", "socket"} == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_a_module_can_be_read_in_one_sitting(module: Path) -> None:
    tree = tree_of(module)
    long = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION
    ]
    assert len(module.read_text(encoding="utf-8").splitlines()) < MAX_MODULE
    assert long == []
    assert ast.get_docstring(tree), "what is it for?"


def test_the_random_numbers_of_the_app_are_left_alone() -> None:
    drawing = {file.name for file in MODULES for name in imports(file) if name == "random"}
    assert drawing == {"jitter.py"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_no_module_catches_everything_unnamed(module: Path) -> None:
    handlers = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ExceptHandler)]
    assert [handler.lineno for handler in handlers if handler.type is None] == []


def test_lua_lies_in_files_of_its_own() -> None:
    inline = [module.name for module in MODULES if "redis.call" in module.read_text("utf-8")]
    assert inline == []
