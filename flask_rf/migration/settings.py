"""What becomes of an app's settings, and whether flask_rf would take what is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from flask import Flask

from ..compression import Compress
from ..cors import CORS
from ..errors import ConfigurationError
from ..ratelimit import Limiter
from ..recipe import Recipe
from .libraries import LIBRARIES
from .library import Change
from .library import Library
from .library import not_needed
from .library import renamed

#: What takes the place of a library's class.
FEATURES: dict[str, type[Recipe[Any]]] = {
    "Flask-Limiter": Limiter,
    "Flask-Cors": CORS,
    "Flask-Compress": Compress,
}
_ON_ERROR = {True: "allow", False: "local"}


class Found(NamedTuple):
    """A setting that an app has, and what becomes of it."""

    library: Library
    key: str
    value: Any
    change: Change


def found_settings(written: Mapping[str, Any]) -> Iterator[Found]:
    """The settings of other libraries among ``written``.

    Those that a library has filled in by itself say nothing about the app.
    """
    for library in LIBRARIES:
        for key, change in library.settings.items():
            value = written.get(key)
            if value is not None and value != change.default:
                yield Found(library, key, value, _for_value(key, value, change))


def refusals(found: list[Found]) -> Iterator[tuple[Library, str]]:
    """What flask_rf says against the settings that go over to it, library by library."""
    for library in dict.fromkeys(one.library.name for one in found):
        ours = [one for one in found if one.library.name == library]
        feature = FEATURES.get(library)
        error = _tried(feature, dict(carried(ours))) if feature is not None else None
        if error is not None:
            yield ours[0].library, error


def carried(found: list[Found]) -> Iterator[tuple[str, Any]]:
    """The settings that go over, by their names here."""
    for one in found:
        if one.key == "RATELIMIT_SWALLOW_ERRORS":
            yield "RATE_LIMIT_ON_ERROR", _ON_ERROR[bool(one.value)]
        elif one.change.fate in ("same", "renamed") or one.change.new == one.key:
            yield one.change.new, one.value


def _for_value(key: str, value: Any, change: Change) -> Change:
    """The change of this very value, where it matters."""
    if key != "RATELIMIT_STORAGE_URI":
        return change
    if str(value).startswith("memory:"):
        return not_needed("Without a Redis, counts are in memory.")
    return renamed("RATE_LIMIT_REDIS_URL", "Or REDIS_URL, for broadcasting as well.")


def _tried(feature: type[Recipe[Any]], settings: dict[str, Any]) -> str | None:
    """Why ``feature`` would refuse to start with ``settings``; None if it would not."""
    app = Flask("migrated")
    app.config.update(settings)
    try:
        feature(app)
    except ConfigurationError as error:
        return str(error)
    return None
