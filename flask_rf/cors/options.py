"""What can be said about CORS."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any
from typing import ClassVar

from .. import kinds
from ..settings import Options
from ..settings import setting

#: Says of an origin whether it is allowed.
Decider = Callable[[str], Any]
Origin = str | re.Pattern[str] | Decider


def origins(raw: Any) -> tuple[Origin, ...]:
    """Texts as :func:`kinds.strings`, compiled regular expressions and functions among them."""
    items = kinds.strings(raw) if isinstance(raw, str) else raw
    items = (items,) if isinstance(items, re.Pattern) or callable(items) else items
    if isinstance(items, Iterable) and not isinstance(items, (Mapping, bytes)):
        items = tuple(items)
        if any(iscoroutinefunction(item) for item in items):
            raise ValueError("give a function that is not async: nobody would wait for its answer")
        if all(isinstance(getattr(item, "pattern", item), str) or callable(item) for item in items):
            return items
    raise ValueError(
        "write origins like https://app.example.com, or give re.compile(...) or a function"
    )


def max_age(raw: Any) -> Any:
    """Seconds; its range is checked with the rest of the policy, to report all faults at once."""
    return raw // timedelta(seconds=1) if isinstance(raw, timedelta) else raw


def resources(raw: Any) -> dict[str, Mapping[str, Any]]:
    """Options by path: a mapping (JSON as text), or just paths."""
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        raw = kinds.mapping(raw)
    if isinstance(raw, Mapping):
        if all(isinstance(path, str) and isinstance(raw[path], Mapping) for path in raw):
            return dict(raw)
        raise ValueError("write a mapping of options for each path")
    return {path: {} for path in kinds.strings(raw)}


_FLASK_CORS = {
    "allow_private_network": "leave it out, browsers have given it up",
    "always_send": "leave it out, responses to pages of this site need no CORS headers",
    "automatic_options": "leave it out, every preflight is answered",
    "intercept_exceptions": "leave it out, errors always carry CORS headers",
    "send_wildcard": "leave it out, * is sent where it can be",
    "vary_header": "leave it out, Vary is always right",
}


@dataclass(frozen=True)
class PolicyOptions(Options):
    """The options of one policy."""

    prefix: ClassVar[str] = "CORS_"
    foreign: ClassVar[Mapping[str, str]] = _FLASK_CORS

    origins: tuple[Origin, ...] = setting(
        origins, (), doc="Origins whose pages may read responses; * for all."
    )
    methods: tuple[str, ...] = setting(
        kinds.strings, (), doc="Methods pages may use besides GET, HEAD and POST; * for all."
    )
    allow_headers: tuple[str, ...] = setting(
        kinds.strings, (), doc="Headers pages may send; * for all but Authorization."
    )
    expose_headers: tuple[str, ...] = setting(
        kinds.strings, (), doc="Headers pages may read; flask_rf adds its own."
    )
    supports_credentials: bool = setting(
        kinds.boolean, False, doc="Whether pages may send cookies."
    )
    max_age: Any = setting(
        max_age, None, doc="Seconds a browser may remember a preflight, at most 86400."
    )
    dangerously_allow_insecure_origins: bool = setting(
        kinds.boolean, False, doc="Allow plain http:// origins cookies."
    )
    dangerously_allow_public_suffixes: bool = setting(
        kinds.boolean, False, doc="Allow cookies to wildcards under which anybody registers."
    )


@dataclass(frozen=True)
class CORSOptions(PolicyOptions):
    resources: dict[str, Mapping[str, Any]] | None = setting(
        kinds.optional(resources), None, doc="Paths CORS is for, each with options of its own."
    )
