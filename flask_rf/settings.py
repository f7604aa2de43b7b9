"""One resolver for every setting: argument, app.config, environment, default.

A feature declares its options as a frozen dataclass whose fields are made by
:func:`setting`; :func:`resolve` fills one in for an app, records where each value
came from (for ``flask rf config``) and refuses what cannot be meant.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import ClassVar
from typing import TypeVar

from flask import Flask

from .errors import ConfigurationError
from .kinds import Kind

_METADATA = "flask_rf"


@dataclass(frozen=True)
class Setting:
    """One declared setting.

    :param key: its name in app.config and in the environment.
    :param kind: turns what was written into the value, or raises ValueError with the remedy.
    :param default: the value when nothing is set; a function of the app when ``derived``.
    :param doc: one line for people.
    :param secret: never shown.
    """

    key: str
    kind: Kind[Any]
    default: Any
    doc: str
    secret: bool = False
    derived: bool = False

    def default_for(self, app: Flask) -> Any:
        return self.default(app) if self.derived else self.default


@dataclass(frozen=True)
class Resolved:
    """What a setting came to for one app, and where from."""

    setting: Setting
    value: Any = dataclasses.field(repr=False)
    source: str


@dataclass(frozen=True)
class Options:
    """Base of a feature's options.

    :cvar prefix: what the keys of its fields begin with.
    :cvar foreign: keywords that people know from another library, and what to do instead.
    :cvar foreign_settings: the same of keys of app.config, beside ``prefix`` and those keywords.
    """

    prefix: ClassVar[str] = ""
    foreign: ClassVar[Mapping[str, str]] = {}
    foreign_settings: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """The declared settings by field name, keys filled in."""
        return {
            f.name: dataclasses.replace(
                f.metadata[_METADATA],
                key=f.metadata[_METADATA].key or f"{cls.prefix}{f.name}".upper(),
            )
            for f in dataclasses.fields(cls)
            if _METADATA in f.metadata
        }


def setting(
    kind: Kind[Any],
    default: Any = None,
    *,
    doc: str,
    key: str = "",
    secret: bool = False,
    derive: Callable[[Flask], Any] | None = None,
) -> Any:
    """Declare a field of an :class:`Options` class.

    :param derive: computes the default from the app instead of ``default``.
    """
    declared = Setting(key, kind, derive or default, doc, secret, derive is not None)
    return dataclasses.field(default=default, repr=not secret, metadata={_METADATA: declared})


O = TypeVar("O", bound=Options)  # noqa: E741


def resolve(app: Flask, options: type[O], given: Mapping[str, Any] | None = None) -> O:
    """Fill in ``options`` for ``app``.

    :param given: arguments by field name; they win over everything.
    :raises ConfigurationError: a value cannot be meant, or a key is one typo away from a real one,
        or another library's that nobody would read here.
    """
    given = given or {}
    declared = options.settings()
    _refuse_foreign(app, options)
    _refuse_typos(app, [s.key for s in declared.values()])
    record: dict[str, Resolved] = app.extensions.setdefault("rf_settings", {})
    values = {}
    for name, declaration in declared.items():
        resolved = _resolve_one(app, declaration, name, given)
        record[declaration.key] = resolved
        values[name] = resolved.value
    return options(**values)


def resolved_settings(app: Flask) -> dict[str, Resolved]:
    """Every setting resolved for ``app`` so far, by key."""
    return dict(app.extensions.get("rf_settings", {}))


def check_keywords(owner: str, options: type[Options], given: Mapping[str, Any]) -> None:
    """Raise TypeError for a keyword that is no field of ``options``, naming the likely one."""
    known = options.settings()
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            hint = f": {options.foreign[name]}" if name in options.foreign else hint
            raise TypeError(f"{owner}() has no option {name!r}{hint}")


def _resolve_one(app: Flask, declaration: Setting, name: str, given: Mapping[str, Any]) -> Resolved:
    key, file_key = declaration.key, f"{declaration.key}_FILE"
    if name in given:
        return _accept(declaration, given[name], "argument", shown=name)
    for source, written in _sources(app):
        if not _unset(written.get(key)):
            return _accept(declaration, written[key], source)
        if not _unset(written.get(file_key)):
            content = _read_file(file_key, written[file_key], source)
            return _accept(declaration, content, f"file {written[file_key]}")
    return Resolved(declaration, declaration.default_for(app), "default")


def _sources(app: Flask) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    return ("app.config", app.config), ("environment", os.environ)


def _unset(raw: Any) -> bool:
    # app.config["REDIS_URL"] = os.environ.get("REDIS_URL") must mean what it says.
    return raw is None or (isinstance(raw, str) and not raw)


def _accept(declaration: Setting, raw: Any, source: str, shown: str = "") -> Resolved:
    try:
        return Resolved(declaration, declaration.kind(raw), source)
    except ValueError as error:
        value = Hidden() if declaration.secret else raw
        remedy = str(error)
        raise ConfigurationError(shown or declaration.key, value, remedy, source) from None


def _read_file(key: str, path: Any, source: str) -> str:
    try:
        # Notepad and PowerShell begin a file with a byte order mark.
        return Path(path).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, ValueError, TypeError) as error:
        reasons = {UnicodeDecodeError: "it is not UTF-8 text", TypeError: "that is no path"}
        reason = reasons.get(type(error)) or str(getattr(error, "strerror", error)).lower()
        remedy = f"name a file this process can read; {reason}"
        raise ConfigurationError(key, path, remedy, source) from None


def key_bytes(key: Any) -> bytes:
    """``SECRET_KEY``, or one of its fallbacks, to sign with.

    :raises ConfigurationError: it is neither text nor bytes.
    """
    if isinstance(key, (str, bytes)):
        return key.encode() if isinstance(key, str) else key
    raise ConfigurationError("SECRET_KEY", Hidden(), "write it as text, in quotes", "app.config")


class Hidden:
    """Stands for a secret wherever one would be printed."""

    def __repr__(self) -> str:
        return "(hidden)"


def _refuse_foreign(app: Flask, options: type[Options]) -> None:
    """Refuse what another library reads in app.config; those read no environment."""
    keywords = {f"{options.prefix}{name}".upper(): name for name in options.foreign}
    instead = {key: options.foreign[name] for key, name in keywords.items()}
    for key, remedy in {**instead, **options.foreign_settings}.items():
        if not _unset(app.config.get(key)):
            raise ConfigurationError(key, Hidden(), remedy, "app.config")


def _refuse_typos(app: Flask, declared: Iterable[str]) -> None:
    real = sorted(key + suffix for key in declared for suffix in ("", "_FILE"))
    for source, written in _sources(app):
        for name in sorted(set(written).difference(real)):
            meant = next((key for key in real if one_typo_apart(name, key)), None)
            if meant is not None and not _unset(written[name]):
                raise ConfigurationError(name, Hidden(), f"no such setting; write {meant}", source)


def one_typo_apart(a: str, b: str) -> bool:
    """Whether one letter added, left out, changed or swapped with its neighbour turns a into b."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    shorter = min(len(a), len(b))
    start = next((i for i in range(shorter) if a[i] != b[i]), shorter)
    a, b = a[start:], b[start:]
    swapped = len(a) > 1 and a[1::-1] == b[:2] and a[2:] == b[2:]
    return swapped or a[1:] == b[1:] or a[1:] == b or a == b[1:]
