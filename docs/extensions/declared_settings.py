"""What settings flask_rf declares, as reStructuredText. Needs no Sphinx."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import flask_rf
from flask_rf.settings import Options
from flask_rf.settings import Setting

#: What gunicorn alone imports begins so; it declares nothing.
_FOR_GUNICORN = "flask_rf.gunicorn"

_TITLES = {
    "": "Proxies",
    "BROADCAST_": "Broadcasting",
    "COMPRESS_": "Compression",
    "CORS_": "CORS",
    "HEALTH_": "Health",
    "METRICS_": "Metrics",
    "RATE_LIMIT_": "Rate limiting",
    "REDIS_": "Redis",
    "RF_DASHBOARD_": "Dashboard",
    "REQUEST_ID_": "Request ids",
    "RF_": "All features",
    "STORAGE_": "Storage",
}


def declared() -> dict[str, dict[str, Setting]]:
    """Every setting by its key, by the prefix of its options."""
    for module in pkgutil.walk_packages(flask_rf.__path__, "flask_rf."):
        if not module.name.startswith(_FOR_GUNICORN):
            importlib.import_module(module.name)
    found: dict[str, dict[str, Setting]] = {}
    for options in _subclasses(Options):
        if options.__module__.startswith("flask_rf."):
            by_key = {setting.key: setting for setting in options.settings().values()}
            found.setdefault(options.prefix, {}).update(by_key)
    return found


def sections() -> str:
    """A section for each prefix, with a table of its settings."""
    titles = sorted((_title(prefix), prefix) for prefix in declared())
    return "\n".join(f"{title}\n{'~' * len(title)}\n\n{table(prefix)}" for title, prefix in titles)


def table(prefix: str) -> str:
    """A table of the settings that have a prefix."""
    return "\n".join(_table(declared()[prefix]))


def _subclasses(options: type[Options]) -> Iterator[type[Options]]:
    for subclass in options.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _title(prefix: str) -> str:
    return _TITLES.get(prefix, prefix)


def _table(settings: dict[str, Setting]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "   :widths: 35 20 45", "")
    yield from ("   * - Setting", "     - Default", "     - What it is, and what to write")
    for key, setting in settings.items():
        yield f"   * - ``{key}``"
        yield f"     - {_default(setting)}"
        yield f"     - {_escaped(setting.doc)} {_how_to_write(setting)}".rstrip()
    yield ""


def _default(setting: Setting) -> str:
    if setting.derived:
        return "derived"
    shown = _shown(setting.default)
    return f"``{shown}``" if shown else "none"


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return value.pattern if isinstance(value, re.Pattern) else f"{value}"


def _how_to_write(setting: Setting) -> str:
    """The remedy that the setting's kind gives for what cannot be meant."""
    try:
        setting.kind(object())
    except ValueError as error:
        remedy = str(error)
        return _escaped(f"{remedy[0].upper()}{remedy[1:]}.")
    return ""


def _escaped(text: str) -> str:
    """``text`` without the meaning that reStructuredText sees in it."""
    return re.sub(r"([*`|_\\])", r"\\\1", text)
