"""Whether Redis answers."""

from __future__ import annotations

from ..redis.client import RedisOptions
from ..redis.client import RedisServer


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
