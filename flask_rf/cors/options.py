"""What can be said about CORS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from .. import kinds
from ..settings import Options
from ..settings import setting

Origin = str | re.Pattern[str]


def origins(raw: Any) -> tuple[Origin, ...]:
    """Texts as :func:`kinds.strings`, and compiled regular expressions among them."""
    items = kinds.strings(raw) if isinstance(raw, str) else raw
    items = (items,) if isinstance(items, re.Pattern) else items
    if isinstance(items, Iterable) and not isinstance(items, (Mapping, bytes)):
        items = tuple(items)
        if all(isinstance(getattr(item, "pattern", item), str) for item in items):
            return items
    raise ValueError("write origins like https://app.example.com, or give re.compile(...)")


def resources(raw: Any) -> dict[str, Mapping[str, Any]]:
    """Options by path: a mapping (JSON as text), or just paths."""
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        raw = kinds.mapping(raw)
    if isinstance(raw, Mapping):
        if all(isinstance(path, str) and isinstance(raw[path], Mapping) for path in raw):
            return dict(raw)
        raise ValueError("write a mapping of options for each path")
    return {path: {} for path in kinds.strings(raw)}


@dataclass(frozen=True)
class PolicyOptions(Options):
    """The options of one policy."""

    prefix: ClassVar[str] = "CORS_"

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
        # Its range is checked with the rest of the policy, to report all faults at once.
        kinds.anything,
        None,
        doc="Seconds a browser may remember a preflight, at most 86400.",
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
