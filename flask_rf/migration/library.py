"""What a library has, and what becomes of each thing here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Literal

Fate = Literal["same", "renamed", "differs", "not needed", "missing"]

#: Fates that leave somebody something to do by hand.
BY_HAND = ("differs", "missing")


@dataclass(frozen=True)
class Change:
    """What becomes of a setting, a keyword or a name.

    :param new: what it is called here; empty where it is gone.
    :param note: what else there is to know, as a sentence.
    :param default: a value that the library sets by itself, which says nothing about the app.
    """

    fate: Fate
    new: str = ""
    note: str = ""
    default: Any = None


def same(name: str = "", note: str = "", default: Any = None) -> Change:
    return Change("same", name, note, default)


def renamed(new: str, note: str = "", default: Any = None) -> Change:
    return Change("renamed", new, note, default)


def differs(new: str, note: str, default: Any = None) -> Change:
    return Change("differs", new, note, default)


def not_needed(note: str, default: Any = None) -> Change:
    return Change("not needed", "", note, default)


def missing(note: str, default: Any = None) -> Change:
    return Change("missing", "", note, default)


@dataclass(frozen=True)
class Library:
    """One library, as far as apps touch it.

    :param name: as people call it.
    :param module: its top module.
    :param section: of docs/migrating.rst.
    :param settings: by key of app.config or of the environment.
    :param imports: by dotted name. A fate of ``"same"`` or ``"renamed"`` means that a change of the
        import is enough, ``new`` being the dotted name here.
    :param keywords: of a callable or method, by its name and the keyword's.
    :param attributes: of an instance, by name.
    :param without: what to know of a call that leaves all of these keywords out.
    :param alone: what to know of a call in an app whose sources call none of these, by dotted name.
    """

    name: str
    module: str
    section: str
    settings: Mapping[str, Change] = field(default_factory=dict)
    imports: Mapping[str, Change] = field(default_factory=dict)
    keywords: Mapping[str, Mapping[str, Change]] = field(default_factory=dict)
    attributes: Mapping[str, Change] = field(default_factory=dict)
    without: Mapping[str, tuple[tuple[str, ...], Change]] = field(default_factory=dict)
    alone: Mapping[str, tuple[tuple[str, ...], Change]] = field(default_factory=dict)
