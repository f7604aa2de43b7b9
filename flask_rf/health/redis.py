"""Whether Redis answers."""

from __future__ import annotations

from collections.abc import Callable

from ..redis.client import RedisOptions
from ..redis.client import RedisServer


def redis_check(url: str, options: RedisOptions, deadline: float) -> Callable[[], None]:
    """The check of Redis.

    It has one connection of its own, so that an exhausted pool does not look like a deaf server.

    :param deadline: seconds; sockets wait no longer, whatever ``options`` say.
    """
    server = RedisServer(
        url,
        options,
        max_connections=1,
        socket_connect_timeout=min(options.connect_timeout, deadline),
        socket_timeout=min(options.timeout, deadline),
        health_check_interval=0,
    )

    def check() -> None:
        server.client.ping()

    return check
