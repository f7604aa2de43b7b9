"""The limiter's settings."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from flask import Flask

from .. import kinds
from ..redis import redis_url
from ..redis import RedisOptions
from ..settings import Options
from ..settings import resolve
from ..settings import setting
from . import familiar
from .limit import as_limits
from .limit import Declared
from .limit import ON_ERROR
from .limit import strategy


def _default_url(app: Flask) -> str | None:
    return resolve(app, RedisOptions).url


@dataclass(frozen=True)
class LimiterOptions(Options):
    prefix: ClassVar[str] = "RATE_LIMIT_"
    foreign: ClassVar[Mapping[str, str]] = familiar.OPTIONS
    foreign_settings: ClassVar[Mapping[str, str]] = familiar.SETTINGS

    enabled: bool = setting(kinds.boolean, True, doc="Whether anything is limited at all.")
    backend: str | None = setting(
        kinds.optional(kinds.choice("redis", "memory")),
        doc="Where counts are kept; redis where a URL is set, else memory.",
    )
    redis_url: str | None = setting(
        redis_url, derive=_default_url, doc="The Redis of the counts; REDIS_URL's.", secret=True
    )
    strategy: str = setting(strategy, "sliding-window", doc="How limits that do not say count.")
    default: tuple[Declared, ...] = setting(
        as_limits, (), doc="Limits of each endpoint that declares none."
    )
    application: tuple[Declared, ...] = setting(
        as_limits, (), doc="Limits of all requests of a client together."
    )
    per_minute: int | None = setting(
        kinds.optional(kinds.whole(1, 60_000_000)),
        doc="Requests a client may make in a minute, to all of it.",
    )
    unrouted: tuple[Declared, ...] = setting(
        as_limits, (), doc="Limits of requests that no route takes (404 and 405)."
    )
    headers: bool = setting(kinds.boolean, True, doc="Whether responses tell what is left.")
    key: Callable[..., Any] | None = setting(
        kinds.optional(kinds.function), doc="Gives whose request it is; the client's address."
    )
    ipv6_prefix: int = setting(
        kinds.whole(1, 128), 64, doc="Bits of an IPv6 address that make one client."
    )
    on_error: str = setting(
        kinds.choice(*ON_ERROR), "local", doc="Without Redis: count here, allow or deny."
    )
    timeout: float = setting(
        kinds.number(0.001, 5), 0.05, doc="Seconds a request may wait for Redis."
    )
    memory_keys: int = setting(
        kinds.whole(1), 100_000, doc="Counts kept in a process's memory at most."
    )
    on_breach: Callable[[Any], Any] | None = setting(
        kinds.optional(kinds.function), doc="Given the breached limit; may return the response."
    )
