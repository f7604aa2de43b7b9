"""Whether a policy can be meant. Every fault is found, and all are refused in one error."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from .. import kinds
from ..errors import ConfigurationError
from .options import PolicyOptions
from .origins import allows_strangers
from .origins import OriginPattern
from .tokens import method_remedy
from .tokens import request_header_remedy
from .tokens import response_header_remedy

_MAX_AGE = kinds.optional(kinds.whole(0, 86400))
_PATH = re.compile(r"/|(?:/[^/*?^$<>\\]+)+")


#: From an option to its name as the user wrote it, and where its value came from.
NameOf = Callable[[str], tuple[str, str | None]]


class Fault(NamedTuple):
    """One thing that cannot be meant.

    :param option: the option's name; what the user wrote once a :class:`FaultReport` has it.
    """

    option: str
    value: Any
    remedy: str
    source: str | None = None


class FaultReport:
    """Collects the faults of all policies, to refuse them in one error."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, faults: Iterable[Fault], name_of: NameOf) -> None:
        """Note ``faults`` under the names the user knows them by."""
        for fault in faults:
            name, source = name_of(fault.option)
            named = fault._replace(option=name, source=source)
            if named not in self._faults:
                self._faults.append(named)

    def refuse(self) -> None:
        """:raises ConfigurationError: there are faults; it names every one."""
        if not self._faults:
            return
        values = tuple(fault.value for fault in self._faults)
        sources = {fault.source for fault in self._faults}
        raise ConfigurationError(
            ", ".join(dict.fromkeys(fault.option for fault in self._faults)),
            values[0] if len(values) == 1 else values,
            "; ".join(dict.fromkeys(fault.remedy for fault in self._faults)),
            sources.pop() if len(sources) == 1 else None,
        )


def overlay(given: Mapping[str, Any], base: PolicyOptions) -> tuple[PolicyOptions, list[Fault]]:
    """Put the options given for a path or a view over ``base``; returns the faults as well."""
    declared = PolicyOptions.settings()
    values: dict[str, Any] = {}
    faults: dict[str, Fault] = {}
    for option, raw in given.items():
        try:
            if option not in declared:
                raise ValueError(_unknown_option(option, declared))
            values[option] = declared[option].kind(raw)
        except ValueError as error:
            faults[option] = Fault(option, raw, str(error))
    merged = dataclasses.replace(base, **values)
    return merged, [*faults.values(), *(f for f in faults_of(merged) if f.option not in faults)]


def faults_of(options: PolicyOptions) -> Iterator[Fault]:
    """Everything about a policy that cannot be meant."""
    yield from _origin_faults(options)
    yield from _list_faults("methods", options.methods, method_remedy)
    yield from _list_faults("allow_headers", options.allow_headers, request_header_remedy)
    yield from _list_faults("expose_headers", options.expose_headers, response_header_remedy)
    if options.supports_credentials and "*" in options.expose_headers:
        # Fetch takes * for a header of that name once cookies are sent.
        remedy = "name the headers to expose; with credentials browsers ignore *"
        yield Fault("expose_headers", options.expose_headers, remedy)
    try:
        _MAX_AGE(options.max_age)
    except ValueError as error:
        yield Fault("max_age", options.max_age, f"{error}, or None")


def path_faults(paths: Iterable[str]) -> Iterator[Fault]:
    """The paths of resources that are none."""
    for path in paths:
        if not _PATH.fullmatch(path):
            plain = "/" + re.split(r"[*?^$<>\\]", path.lstrip("^"))[0].strip("/.(")
            yield Fault("resources", path, f"write {plain!r}, which covers everything below it")


def _unknown_option(option: str, declared: Iterable[str]) -> str:
    if option in PolicyOptions.foreign:
        return PolicyOptions.foreign[option]
    close = difflib.get_close_matches(option, declared, n=1)
    return f"no such option; write {close[0] if close else ' or '.join(declared)}"


def _list_faults(
    option: str, items: Iterable[str], remedy: Callable[[str], str | None]
) -> Iterator[Fault]:
    for item in items:
        found = remedy(item)
        if found:
            yield Fault(option, item, found)


def _origin_faults(options: PolicyOptions) -> Iterator[Fault]:
    if not options.origins:
        yield Fault("origins", (), "name at least one origin, like https://app.example.com")
    if "*" in options.origins and len(options.origins) > 1:
        yield Fault("origins", options.origins, "write * alone, or leave it out")
    for origin in options.origins:
        if isinstance(origin, re.Pattern):
            value, remedy = origin.pattern, _regex_remedy(origin, options)
        elif isinstance(origin, str):
            value, remedy = origin, _origin_remedy(origin, options)
        else:
            continue  # what a function allows cannot be seen from outside
        if remedy:
            yield Fault("origins", value, remedy)


def _origin_remedy(origin: str, options: PolicyOptions) -> str | None:
    if origin in ("*", "null"):
        if options.supports_credentials:
            return f"name the origins; with credentials {origin} would lend them to any page"
        return None
    try:
        pattern = OriginPattern.parse(origin)
    except ValueError as error:
        return str(error)
    return _credentials_remedy(pattern, options) if options.supports_credentials else None


def _credentials_remedy(pattern: OriginPattern, options: PolicyOptions) -> str | None:
    if pattern.is_insecure and not options.dangerously_allow_insecure_origins:
        return (
            f"write 'https{str(pattern)[4:]}', or set dangerously_allow_insecure_origins: "
            "with credentials, whoever is on the way could use them"
        )
    if pattern.is_registrable_by_anybody and not options.dangerously_allow_public_suffixes:
        return (
            f"write a domain of your own below {pattern.host!r}, where anybody can register, "
            "or set dangerously_allow_public_suffixes"
        )
    return None


def _regex_remedy(regex: re.Pattern[str], options: PolicyOptions) -> str | None:
    if not options.supports_credentials:
        return None
    if not (
        regex.pattern.lstrip("^").startswith("https://")
        or options.dangerously_allow_insecure_origins
    ):
        return (
            f"begin {regex.pattern!r} with https://, or set dangerously_allow_insecure_origins: "
            "with credentials, whoever is on the way could use them"
        )
    stranger = allows_strangers(regex)
    if stranger and not options.dangerously_allow_public_suffixes:
        return (
            f"{regex.pattern!r} matches {stranger!r}, which anybody can register: "
            "escape its dots and end it with a domain of your own"
        )
    return None
