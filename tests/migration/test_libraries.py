"""The tables know the libraries as they are installed, and flask_rf as it is."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import flask_compress
import flask_cors
import flask_limiter
import flask_socketio
import prometheus_flask_exporter
import pytest
from flask import Flask
from flask_cors.core import CONFIG_OPTIONS
from flask_limiter.constants import ConfigVars

import flask_rf
from flask_rf.migration.libraries import LIBRARIES
from flask_rf.migration.library import Change
from flask_rf.migration.library import Library
from flask_rf.settings import Options
from tests.parts.processes import ROOT

BY_MODULE = {library.module: library for library in LIBRARIES}
GUIDE = ROOT / "docs" / "migrating.rst"

each_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)


def subclasses(options: type[Options]) -> list[type[Options]]:
    found = options.__subclasses__()
    return [*found, *(deeper for one in found for deeper in subclasses(one))]


def our_settings() -> set[str]:
    for name in flask_rf.__all__:
        getattr(flask_rf, name)
    ours = [one for one in subclasses(Options) if one.__module__.startswith("flask_rf.")]
    return {setting.key for options in ours for setting in options.settings().values()}


def changes(library: Library) -> list[tuple[str, Change]]:
    keywords = [pair for names in library.keywords.values() for pair in names.items()]
    tables = (library.settings, library.imports, library.attributes)
    return [*keywords, *(pair for table in tables for pair in table.items())]


# --- Them ---


def test_every_setting_of_flask_limiter_is_known() -> None:
    theirs = {value for name, value in vars(ConfigVars).items() if name.isupper()}
    assert theirs == set(BY_MODULE["flask_limiter"].settings)


def test_every_setting_of_flask_cors_is_known() -> None:
    assert set(CONFIG_OPTIONS) == set(BY_MODULE["flask_cors"].settings)


def test_every_setting_of_flask_compress_is_known_with_its_default() -> None:
    app = Flask("theirs")
    before = set(app.config)
    flask_compress.Compress(app)
    theirs = {key: app.config[key] for key in set(app.config) - before}
    table = BY_MODULE["flask_compress"].settings
    assert theirs == {key: change.default for key, change in table.items()}


def test_every_keyword_of_their_classes_is_known() -> None:
    classes = {
        flask_limiter.Limiter: "flask_limiter",
        prometheus_flask_exporter.PrometheusMetrics: "prometheus_flask_exporter",
    }
    for cls, module in classes.items():
        parameters = set(inspect.signature(cls).parameters) - {"kwargs", "app"}
        known = set(BY_MODULE[module].keywords[cls.__name__]) - {"app"}
        assert parameters == known, cls


def test_every_option_of_flask_socketio_is_known() -> None:
    documented = re.findall(r":param (\w+):", flask_socketio.SocketIO.__doc__ or "")
    theirs = set(documented) - {"app", "kwargs"}
    assert theirs and theirs <= set(BY_MODULE["flask_socketio"].keywords["SocketIO"])


def test_every_option_of_flask_cors_is_a_keyword() -> None:
    options = {key.removeprefix("CORS_").lower() for key in CONFIG_OPTIONS}
    assert options | {"app"} == set(BY_MODULE["flask_cors"].keywords["CORS"])


@pytest.mark.parametrize(
    ("method", "ours"), [("limit", "limit"), ("shared_limit", "shared_limit"), ("exempt", "exempt")]
)
def test_every_term_of_a_limit_is_understood_or_known(method: str, ours: str) -> None:
    theirs = set(inspect.signature(getattr(flask_limiter.Limiter, method)).parameters)
    known = set(BY_MODULE["flask_limiter"].keywords[method])
    parameters = set(inspect.signature(getattr(flask_rf.Limiter, ours)).parameters)
    taken_by_limit = set(inspect.signature(flask_rf.Limiter.limit).parameters)
    assert theirs - known - parameters - taken_by_limit - {"obj"} == set()


@pytest.mark.parametrize(
    "module", [flask_limiter, flask_cors, flask_compress, flask_socketio], ids=lambda m: m.__name__
)
def test_every_public_name_of_theirs_is_known(module: Any) -> None:
    table = BY_MODULE[module.__name__].imports
    listed = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith(module.__name__)
    ]
    public = [name for name in listed if not name.startswith("_")]
    assert [name for name in public if f"{module.__name__}.{name}" not in table] == []


@each_library
def test_every_name_of_a_table_is_theirs(library: Library) -> None:
    for dotted in library.imports:
        module, _, name = dotted.rpartition(".")
        assert hasattr(importlib.import_module(module), name), dotted


# --- Us ---


@each_library
def test_what_a_change_of_import_is_enough_for_is_there(library: Library) -> None:
    for dotted, change in library.imports.items():
        if change.fate in ("same", "renamed"):
            module, _, name = change.new.rpartition(".")
            assert hasattr(importlib.import_module(module), name), dotted


@each_library
def test_every_setting_that_a_table_names_exists(library: Library) -> None:
    ours = our_settings()
    prefixes = {key.partition("_")[0] for key in ours}
    named = {
        word
        for _, change in changes(library)
        for word in re.findall(r"\b[A-Z]+_[A-Z_]+[A-Z]\b", f"{change.new} {change.note}")
    }
    real = {word for word in named if word.partition("_")[0] in prefixes}
    assert {word for word in real if word not in ours} == set()


def test_what_carries_over_to_the_limiter_is_taken_by_it(app: Flask) -> None:
    table = BY_MODULE["flask_limiter"].keywords["Limiter"]
    carried = {name for name, change in table.items() if change.fate == "same"} - {"app"}
    values = {"key_func": lambda: "", "storage_uri": "memory://", "on_breach": lambda limit: None}
    values |= {"strategy": "moving-window", "headers_enabled": True, "enabled": True}
    values |= {"swallow_errors": True, "in_memory_fallback_enabled": True}
    values |= {"storage_options": {"any": 1}, "fail_on_first_breach": False}
    for group in ("default", "application"):
        values |= {f"{group}_limits": ["5/minute"], f"{group}_limits_per_method": True}
        values |= {f"{group}_limits_exempt_when": lambda: False, f"{group}_limits_cost": 2}
        values |= {f"{group}_limits_deduct_when": lambda response: True}
    assert carried == set(values)
    flask_rf.Limiter(app=app, **values)


def test_what_does_not_carry_over_is_refused_and_never_passed_over() -> None:
    table = BY_MODULE["flask_limiter"].keywords["Limiter"]
    for name in [name for name, change in table.items() if change.fate != "same"]:
        with pytest.raises(TypeError, match=f"has no option '{name}': "):
            flask_rf.Limiter(**{name: "said"})


@pytest.mark.parametrize(
    ("library", "feature"),
    [
        ("flask_limiter", flask_rf.Limiter),
        ("flask_cors", flask_rf.CORS),
        ("flask_compress", flask_rf.Compress),
    ],
)
def test_a_setting_that_would_be_lost_is_refused_and_never_passed_over(
    library: str, feature: Any
) -> None:
    table, refused = BY_MODULE[library].settings, set()
    for key, change in table.items():
        app = Flask("moved")
        app.config[key] = "said"
        try:
            feature(app, **({"origins": "*"} if library == "flask_cors" else {}))
        except flask_rf.ConfigurationError as error:
            refused.add(key)
            assert change.fate != "renamed" or change.new in str(error)
    # What a library sets by itself says nothing about an app.
    lost = {
        key
        for key, change in table.items()
        if change.fate not in ("same", "not needed") and change.default is None
    }
    assert lost - our_settings() <= refused


@each_library
def test_each_library_has_its_section_in_the_guide(library: Library) -> None:
    assert f".. _{library.section}:" in GUIDE.read_text(encoding="utf-8")


@each_library
def test_every_change_says_what_to_do(library: Library) -> None:
    for name, change in changes(library):
        assert change.new or change.note, name
        assert not change.note or change.note.endswith("."), name
        if change.fate in ("differs", "missing", "not needed"):
            assert change.note, name
