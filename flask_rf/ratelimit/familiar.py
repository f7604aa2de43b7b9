"""What Flask-Limiter calls the limiter's options, so that to move over is a change of import.

And what to do instead of its options and settings that do not exist here. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from .limit import Declared
from .limit import Limit

#: Its options that mean the same under another name; what is None says nothing.
RENAMED = {
    "key_func": "key",
    "default_limits": "default",
    "application_limits": "application",
    "headers_enabled": "headers",
    "storage_uri": "redis_url",
}

#: Its options that add terms of a :class:`Limit` to a group of limits, by group and term.
_TERMS = {
    f"{group}_limits_{term}": (group, term)
    for group in ("default", "application")
    for term in ("per_method", "exempt_when", "deduct_when", "cost")
}

_META = "declare a longer limit beside the short one, like 5/minute; 50/day"
_HEADERS = "leave it out, headers are called X-RateLimit-… and RateLimit"
_SCOPE = "give the limit a scope= instead"
_PREFIX = "set RF_PREFIX, which begins every key in Redis"
_FALLBACK = "leave it out, without Redis the same limits go on"
_SECONDS = "leave it out, Retry-After is in seconds"

#: Its options that would be lost, and what to do instead.
OPTIONS = {
    "header_name_mapping": _HEADERS,
    "in_memory_fallback": _FALLBACK,
    "key_prefix": _PREFIX,
    "meta_limits": _META,
    "on_meta_breach": _META,
    "request_identifier": _SCOPE,
    "retry_after": _SECONDS,
    "storage_options": "write plain values after the ? of the URL, or set REDIS_CONNECT_TIMEOUT",
}

#: Its settings that would be lost, and what to do instead.
SETTINGS = {
    "RATELIMIT_ENABLED": "write RATE_LIMIT_ENABLED",
    "RATELIMIT_DEFAULT": "write RATE_LIMIT_DEFAULT",
    "RATELIMIT_APPLICATION": "write RATE_LIMIT_APPLICATION",
    **{
        f"RATELIMIT_{group}_{term.upper()}": f"give Limiter(…) {option}"
        for group, limits in (("DEFAULTS", "default"), ("APPLICATION", "application"))
        for option, (named, term) in _TERMS.items()
        if named == limits
    },
    "RATELIMIT_STRATEGY": "write RATE_LIMIT_STRATEGY",
    "RATELIMIT_STORAGE_URI": "write RATE_LIMIT_REDIS_URL, or for memory:// leave it out",
    "RATELIMIT_STORAGE_OPTIONS": "write plain values after the ? of RATE_LIMIT_REDIS_URL, "
    "or set REDIS_CONNECT_TIMEOUT",
    "RATELIMIT_KEY_FUNC": "write RATE_LIMIT_KEY",
    "RATELIMIT_KEY_PREFIX": _PREFIX,
    "RATELIMIT_HEADERS_ENABLED": "write RATE_LIMIT_HEADERS",
    "RATELIMIT_HEADER_LIMIT": _HEADERS,
    "RATELIMIT_HEADER_REMAINING": _HEADERS,
    "RATELIMIT_HEADER_RESET": _HEADERS,
    "RATELIMIT_HEADER_RETRY_AFTER": _HEADERS,
    "RATELIMIT_SWALLOW_ERRORS": "write RATE_LIMIT_ON_ERROR=allow for True, else leave it out",
    "RATELIMIT_IN_MEMORY_FALLBACK": _FALLBACK,
    "RATELIMIT_ON_BREACH_CALLBACK": "write RATE_LIMIT_ON_BREACH",
    "RATELIMIT_REQUEST_IDENTIFIER": _SCOPE,
    "RATELIMIT_META": _META,
    "RATELIMIT_ON_META_BREACH_CALLBACK": _META,
}

Terms = dict[str, dict[str, Any]]


def by_our_names(options: Mapping[str, Any]) -> tuple[dict[str, Any], Terms]:
    """Options by the names they have here, and the terms of the default and application limits.

    What has no name here stays as it is, for the caller to refuse; unless it says nothing.
    """
    given = {
        RENAMED.get(name, name): value
        for name, value in options.items()
        if not (value is None and name in RENAMED) and (value or name not in OPTIONS)
    }
    terms: Terms = {"default": {}, "application": {}}
    for name, (group, term) in _TERMS.items():
        value = given.pop(name, None)
        if value is not None:
            terms[group][term] = value
    _say_what_errors_do(given)
    _say_where_counts_are(given)
    if given.get("retry_after") == "delta-seconds":
        del given["retry_after"]
    return given, terms


def _say_what_errors_do(given: dict[str, Any]) -> None:
    swallows = given.pop("swallow_errors", None)
    falls_back = given.pop("in_memory_fallback_enabled", None)
    given.pop("fail_on_first_breach", None)  # all limits of a request are decided together
    if swallows or falls_back:
        given.setdefault("on_error", "local" if falls_back else "allow")


def _say_where_counts_are(given: dict[str, Any]) -> None:
    url, options = given.get("redis_url"), given.get("storage_options")
    if url == "memory://":
        given["backend"] = "memory"
        del given["redis_url"]
        given.pop("storage_options", None)
    elif isinstance(url, str) and isinstance(options, Mapping):
        if all(isinstance(value, (str, int, float)) for value in options.values()):
            joint = "&" if "?" in url else "?"
            given["redis_url"] = f"{url}{joint}{urlencode(given.pop('storage_options'))}"


def with_terms(limits: tuple[Declared, ...], terms: Mapping[str, Any]) -> tuple[Declared, ...]:
    """``limits``, with ``terms`` where they say nothing themselves.

    :raises ValueError: a limit cannot have them.
    """
    return tuple(_with_terms(limit, terms) for limit in limits)


def _with_terms(limit: Declared, terms: Mapping[str, Any]) -> Declared:
    if isinstance(limit, Limit):
        unsaid = {n: v for n, v in terms.items() if getattr(limit, n) == getattr(Limit, n)}
        return dataclasses.replace(limit, **unsaid)
    return dataclasses.replace(limit, terms=tuple({**terms, **dict(limit.terms)}.items()))
