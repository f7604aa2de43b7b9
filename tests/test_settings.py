from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import ClassVar

import pytest
from flask import Flask
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

import flask_rf
from flask_rf import ConfigurationError
from flask_rf import kinds
from flask_rf.redis import RedisOptions
from flask_rf.settings import check_keywords
from flask_rf.settings import one_typo_apart
from flask_rf.settings import Options
from flask_rf.settings import resolve
from flask_rf.settings import resolved_settings
from flask_rf.settings import Setting
from flask_rf.settings import setting


@dataclass(frozen=True)
class DoorOptions(Options):
    prefix: ClassVar[str] = "DOOR_"

    color: str = setting(kinds.text, "green", doc="What it is painted in.")
    locks: int = setting(kinds.whole(0, 9), 1, doc="How many keep it shut.")
    code: str | None = setting(kinds.text, doc="What opens it.", secret=True)
    sign: str = setting(kinds.text, derive=lambda app: app.name.title(), doc="What it says.")
    bell: bool = setting(kinds.boolean, True, key="RING", doc="Whether one can ring.")


Environment = pytest.MonkeyPatch


def resolve_door(app: Flask, **given: object) -> DoorOptions:
    return resolve(app, DoorOptions, given)


def refusal(app: Flask, **given: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        resolve_door(app, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- Where a value comes from ---


def test_the_argument_wins_over_app_config_over_the_environment_over_the_default(
    app: Flask, monkeypatch: Environment
) -> None:
    def found() -> tuple[str, str]:
        color = resolve_door(app, **given).color
        return color, resolved_settings(app)["DOOR_COLOR"].source

    given: dict[str, str] = {}
    assert found() == ("green", "default")
    monkeypatch.setenv("DOOR_COLOR", "blue")
    assert found() == ("blue", "environment")
    app.config["DOOR_COLOR"] = "red"
    assert found() == ("red", "app.config")
    given["color"] = "white"
    assert found() == ("white", "argument")


def test_a_derived_default_is_made_from_the_app(app: Flask) -> None:
    assert resolve_door(app).sign == "Shop"


def test_a_key_of_its_own_takes_the_place_of_prefix_and_name(
    app: Flask, monkeypatch: Environment
) -> None:
    monkeypatch.setenv("RING", "no")
    monkeypatch.setenv("DOOR_BELL", "yes")
    assert resolve_door(app).bell is False


def test_text_of_the_environment_becomes_a_value_of_its_kind(
    app: Flask, monkeypatch: Environment
) -> None:
    monkeypatch.setenv("DOOR_LOCKS", "3")
    assert resolve_door(app).locks == 3


@pytest.mark.parametrize("name", ["DOOR_COLOR", "DOOR_COLOR_FILE"])
def test_an_empty_environment_variable_counts_as_unset(
    app: Flask, monkeypatch: Environment, name: str
) -> None:
    monkeypatch.setenv(name, "")
    assert resolve_door(app).color == "green"
    assert resolved_settings(app)["DOOR_COLOR"].source == "default"


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_app_config_copied_from_an_unset_variable_counts_as_unset(
    app: Flask, monkeypatch: Environment, nothing: object
) -> None:
    app.config["DOOR_COLOR"] = nothing
    assert resolve_door(app).color == "green"
    monkeypatch.setenv("DOOR_COLOR", "blue")
    assert resolve_door(app).color == "blue"


def test_none_as_an_argument_is_a_value(app: Flask, monkeypatch: Environment) -> None:
    monkeypatch.setenv("DOOR_COLOR", "blue")
    assert "color=None (from the argument): write some text" in refusal(app, color=None)


def test_two_apps_have_settings_of_their_own() -> None:
    shop, forum = Flask("shop"), Flask("forum")
    shop.config["DOOR_LOCKS"] = 2
    assert (resolve_door(shop).locks, resolve_door(forum).locks) == (2, 1)
    assert resolved_settings(shop)["DOOR_SIGN"].value == "Shop"
    assert resolved_settings(forum)["DOOR_SIGN"].value == "Forum"


def test_an_app_without_any_feature_has_no_resolved_settings(app: Flask) -> None:
    assert resolved_settings(app) == {}


# --- NAME_FILE ---


@pytest.mark.parametrize(
    ("key", "content", "field", "value"),
    [
        ("DOOR_COLOR", "blue\n", "color", "blue"),
        ("DOOR_LOCKS", "4\r\n", "locks", 4),
        ("DOOR_CODE", "grün\n", "code", "grün"),
        ("DOOR_CODE", "\ufeffwritten by Notepad\r\n", "code", "written by Notepad"),
        ("RING", "off", "bell", False),
    ],
)
@pytest.mark.parametrize("source", ["environment", "app.config"])
def test_every_setting_can_be_read_from_a_file(
    app: Flask,
    monkeypatch: Environment,
    tmp_path: Path,
    key: str,
    content: str,
    field: str,
    value: object,
    source: str,
) -> None:
    file = tmp_path / "value"
    file.write_bytes(content.encode())
    if source == "environment":
        monkeypatch.setenv(f"{key}_FILE", str(file))
    else:
        app.config[f"{key}_FILE"] = file
    assert getattr(resolve_door(app), field) == value
    assert resolved_settings(app)[key].source == f"file {file}"


def test_a_value_wins_over_a_file_beside_it(
    app: Flask, monkeypatch: Environment, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOOR_COLOR", "blue")
    monkeypatch.setenv("DOOR_COLOR_FILE", str(tmp_path / "never read"))
    assert resolve_door(app).color == "blue"


@pytest.mark.parametrize("what", ["missing", "a directory", "not text"])
def test_an_unreadable_file_is_refused_in_one_sentence(
    app: Flask, monkeypatch: Environment, tmp_path: Path, what: str
) -> None:
    reasons = {
        "missing": "no such file or directory",
        "a directory": "is a directory",
        "not text": "it is not UTF-8 text",
    }
    file = tmp_path / "file"
    if what == "a directory":
        file.mkdir()
    elif what == "not text":
        file.write_bytes(b"\xff\xfe")
    monkeypatch.setenv("DOOR_CODE_FILE", str(file))
    assert refusal(app) == (
        f"DOOR_CODE_FILE={str(file)!r} (from the environment): "
        f"name a file this process can read; {reasons[what]}"
    )


def test_a_file_that_is_no_path_is_refused(app: Flask) -> None:
    app.config["DOOR_CODE_FILE"] = 5
    assert refusal(app).endswith("name a file this process can read; that is no path")


def test_a_file_whose_name_no_system_takes_is_refused(app: Flask) -> None:
    app.config["DOOR_CODE_FILE"] = "code\0"
    assert "name a file this process can read" in refusal(app)


def test_a_malformed_file_is_refused_by_its_name(
    app: Flask, monkeypatch: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "locks"
    file.write_text("many\n")
    monkeypatch.setenv("DOOR_LOCKS_FILE", str(file))
    assert refusal(app) == (
        f"DOOR_LOCKS='many' (from the file {file}): write a whole number from 0 to 9"
    )


# --- What cannot be meant ---


def test_a_malformed_value_is_refused_with_its_name_source_and_remedy(
    app: Flask, monkeypatch: Environment
) -> None:
    remedy = "write a whole number from 0 to 9"
    monkeypatch.setenv("DOOR_LOCKS", "ten")
    assert refusal(app) == f"DOOR_LOCKS='ten' (from the environment): {remedy}"
    app.config["DOOR_LOCKS"] = 10
    assert refusal(app) == f"DOOR_LOCKS=10 (from app.config): {remedy}"
    assert refusal(app, locks=-1) == f"locks=-1 (from the argument): {remedy}"


def test_a_long_value_is_shown_by_how_it_begins(app: Flask) -> None:
    shown = refusal(app, locks="9" * 50_000)
    assert shown.startswith("locks='999") and len(shown) < 300
    assert "…" in shown


def test_a_secret_is_in_no_message_and_no_repr(app: Flask) -> None:
    app.config["DOOR_CODE"] = ["open sesame"]
    assert refusal(app) == "DOOR_CODE=(hidden) (from app.config): write some text"
    app.config["DOOR_CODE"] = "open sesame"
    shown = [repr(resolve_door(app)), repr(resolved_settings(app))]
    assert resolve_door(app).code == "open sesame"
    assert not any("sesame" in text for text in shown)


@pytest.mark.parametrize("where", ["app.config", "environment"])
@pytest.mark.parametrize(
    ("typo", "right"),
    [
        ("DOOR_COLO", "DOOR_COLOR"),
        ("DOOR_COLOUR", "DOOR_COLOR"),
        ("DOOR_COLER", "DOOR_COLOR"),
        ("DOOR_COLRO", "DOOR_COLOR"),
        ("ODOR_COLOR", "DOOR_COLOR"),
        ("DOOR_CODE_FIEL", "DOOR_CODE_FILE"),
        ("DOR_CODE_FILE", "DOOR_CODE_FILE"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_right_one_and_without_its_value(
    app: Flask, monkeypatch: Environment, where: str, typo: str, right: str
) -> None:
    if where == "environment":
        monkeypatch.setenv(typo, "open sesame")
    else:
        app.config[typo] = "open sesame"
    said = refusal(app).replace("(from the environment)", "(from environment)")
    assert said == f"{typo}=(hidden) (from {where}): no such setting; write {right}"


def test_a_misspelt_name_is_refused_beside_the_right_one(app: Flask) -> None:
    app.config.update(DOOR_COLOR="blue", DOOR_COLORS="red")
    assert "write DOOR_COLOR" in refusal(app)


def test_names_two_typos_away_are_somebody_elses(app: Flask, monkeypatch: Environment) -> None:
    monkeypatch.setenv("DOOR_COLLARS", "three")
    app.config["DOOR_KNOB"] = "brass"
    assert resolve_door(app) == DoorOptions(sign="Shop")


def test_an_unknown_keyword_is_a_type_error_with_the_likely_one() -> None:
    with pytest.raises(TypeError, match=r"Door\(\) has no option 'colour'; did you mean 'color'\?"):
        check_keywords("Door", DoorOptions, {"locks": 1, "colour": "red"})
    with pytest.raises(TypeError, match=r"has no option 'zzz'$"):
        check_keywords("Door", DoorOptions, {"zzz": 1})


@dataclass(frozen=True)
class GateOptions(Options):
    prefix = "GATE_"
    foreign = {"colour": "write color"}
    foreign_settings = {"PORTAL_KEY": "write GATE_LOCK"}

    lock: str = setting(kinds.text, "", doc="What shuts it.")


def test_another_librarys_keyword_says_what_to_do_instead() -> None:
    with pytest.raises(TypeError, match=r"Gate\(\) has no option 'colour': write color$"):
        check_keywords("Gate", GateOptions, {"colour": "red"})


@pytest.mark.parametrize(
    ("key", "instead"), [("PORTAL_KEY", "write GATE_LOCK"), ("GATE_COLOUR", "write color")]
)
def test_another_librarys_setting_is_refused_without_its_value(
    app: Flask, key: str, instead: str
) -> None:
    app.config[key] = "open sesame"
    with pytest.raises(ConfigurationError) as refused:
        resolve(app, GateOptions)
    assert str(refused.value) == f"{key}=(hidden) (from app.config): {instead}"


def test_another_librarys_setting_that_says_nothing_is_passed_over(
    app: Flask, monkeypatch: Environment
) -> None:
    monkeypatch.setenv("PORTAL_KEY", "what another library never reads there")
    app.config.update(PORTAL_KEY=None, GATE_COLOUR="")
    assert resolve(app, GateOptions) == GateOptions()


# --- What a typo is ---

LETTERS = "AB_"


def brute_force(a: str, b: str) -> bool:
    """The definition, spelt out: everything one typo makes of ``a``."""
    swapped = {a[:i] + a[i + 1] + a[i] + a[i + 2 :] for i in range(len(a) - 1)}
    missing = {a[:i] + a[i + 1 :] for i in range(len(a))}
    added = {a[:i] + x + a[i:] for i in range(len(a) + 1) for x in LETTERS}
    changed = {a[:i] + x + a[i + 1 :] for i in range(len(a)) for x in LETTERS}
    return b in (swapped | missing | added | changed) - {a}


words = st.text(LETTERS, max_size=6)


@given(words, words)
@example("AB", "BA")
@example("", "A")
@example("AAB", "ABA")
def test_one_typo_apart_is_what_its_definition_says(a: str, b: str) -> None:
    assert one_typo_apart(a, b) == brute_force(a, b)


@given(words, words)
def test_one_typo_apart_is_symmetric(a: str, b: str) -> None:
    assert one_typo_apart(a, b) == one_typo_apart(b, a)


# --- Every setting there is ---


def subclasses(of: type) -> Iterator[type]:
    for child in of.__subclasses__():
        yield child
        yield from subclasses(child)


def all_options() -> set[type[Options]]:
    for module in pkgutil.walk_packages(flask_rf.__path__, "flask_rf."):
        if module.name != "flask_rf.gunicorn":  # a server's settings, which it reads when imported
            import_module(module.name)
    return {kind for kind in subclasses(Options) if kind.__module__.startswith("flask_rf.")}


def all_settings() -> dict[str, Setting]:
    return {s.key: s for options in all_options() for s in options.settings().values()}


def test_no_two_settings_are_one_typo_apart() -> None:
    names = [name + suffix for name in all_settings() for suffix in ("", "_FILE")]
    assert {"REDIS_URL", "CORS_ORIGINS", "TRUSTED_PROXIES_FILE"} <= set(names)
    assert [pair for pair in combinations(names, 2) if one_typo_apart(*pair)] == []


def test_no_setting_ends_like_the_name_of_a_file_with_another() -> None:
    assert [name for name in all_settings() if name.endswith("_FILE")] == []


def test_every_setting_is_explained_in_one_line() -> None:
    unexplained = [s.key for s in all_settings().values() if not re.fullmatch(r".+\.", s.doc)]
    assert unexplained == []


def test_no_refusal_shows_a_secret(app: Flask) -> None:
    secrets = {
        (options, s.key)
        for options in all_options()
        for s in options.settings().values()
        if s.secret
    }
    assert (RedisOptions, "REDIS_URL") in secrets
    for options, key in secrets:
        app.config[key] = ("open sesame", 5)
        with pytest.raises(ConfigurationError) as caught:
            resolve(app, options)
        assert "sesame" not in str(caught.value)
        del app.config[key]


# A Service named metrics has Kubernetes put METRICS_PORT=tcp://… and more beside it.
SERVICE_VARIABLES = {
    "SERVICE_HOST": "10.0.0.11",
    "SERVICE_PORT": "6379",
    "SERVICE_PORT_HTTP": "6379",
    "PORT": "tcp://10.0.0.11:6379",
    "PORT_6379_TCP": "tcp://10.0.0.11:6379",
    "PORT_6379_TCP_PROTO": "tcp",
    "PORT_6379_TCP_PORT": "6379",
    "PORT_6379_TCP_ADDR": "10.0.0.11",
}


def test_variables_of_kubernetes_services_do_no_harm(app: Flask, monkeypatch: Environment) -> None:
    for prefix in {options.prefix for options in all_options() if options.prefix}:
        for name, value in SERVICE_VARIABLES.items():
            monkeypatch.setenv(prefix + name, value)
    for options in all_options():
        resolve(app, options)
    assert {found.source for found in resolved_settings(app).values()} == {"default"}
