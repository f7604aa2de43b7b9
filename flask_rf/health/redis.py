"""Whether each Redis of an app answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flask import Flask

from ..checks import Check
from ..redis import RedisOptions
from ..redis import RedisServer
from ..redis import Use
from ..redis import uses_of
from ..settings import resolve
from .options import HealthOptions


class RedisCheck:
    """Pings Redis over one connection of its own: an exhausted pool is no deaf server.

    :param url: as ``REDIS_URL``.
    :param deadline: seconds; sockets wait no longer, whatever ``options`` say.
    """

    def __init__(self, url: str, options: RedisOptions, deadline: float = 1.0) -> None:
        self._server = RedisServer(
            url,
            options,
            max_connections=1,
            socket_connect_timeout=min(options.connect_timeout, deadline),
            socket_timeout=min(options.timeout, deadline),
            health_check_interval=0,
        )

    def __call__(self) -> None:
        self._server.client.ping()


class RedisChecks:
    """The checks of every Redis that an app names or a feature uses.

    One for each URL, however many features share it: of two that name one server, the
    password or the database of one may be refused.
    """

    def __init__(self, app: Flask, options: HealthOptions) -> None:
        self._app = app
        self._options = options
        self._redis = resolve(app, RedisOptions)
        self._pings: dict[str, RedisCheck] = {}

    def __call__(self) -> Iterator[Check]:
        for url, uses in self._uses().items():
            name = "redis" if url == self._redis.url else f"redis:{_features(uses)}"
            if url not in self._pings:
                self._pings[url] = RedisCheck(url, self._redis, self._options.timeout)
            yield Check(name, self._pings[url], critical=partial(self._is_critical, uses))

    def _uses(self) -> dict[str, list[Use]]:
        by_url: dict[str, list[Use]] = {self._redis.url: []} if self._redis.url else {}
        for use in uses_of(self._app):
            by_url.setdefault(use.url, []).append(use)
        return by_url

    def _is_critical(self, uses: list[Use]) -> bool:
        if self._options.redis_critical is not None:
            return self._options.redis_critical
        return any(use.needed() for use in uses)


def _features(uses: list[Use]) -> str:
    return "+".join(sorted(use.feature for use in uses))
