"""The store an app's settings ask for."""

from __future__ import annotations

import logging

from flask import Flask

from ..errors import ConfigurationError
from ..lifecycle import on_worker_start
from ..redis import RedisOptions
from ..redis.announced import Announced
from ..redis.breaker import Breaker
from ..redis.cluster import is_cluster
from ..redis.sender import commands_to
from ..settings import resolve
from ..signals import store_down
from ..signals import store_up
from ..signals import tell
from .cluster import ClusterStore
from .failover import Failover
from .memory import MemoryStore
from .options import LimiterOptions
from .redis import RedisStore
from .store import Store

logger = logging.getLogger("flask_rf")


def make_store(app: Flask, options: LimiterOptions) -> Store:
    """Memory, or Redis with memory to fall back on.

    :raises ConfigurationError: Redis is asked for and no URL is known.
    """
    memory = MemoryStore(options.memory_keys)
    url = options.redis_url
    if (options.backend or ("redis" if url else "memory")) == "memory":
        return memory
    if url is None:
        raise ConfigurationError(
            "RATE_LIMIT_BACKEND", "redis", "set REDIS_URL or RATE_LIMIT_REDIS_URL as well"
        )
    return redis_store(url, resolve(app, RedisOptions), options.timeout, memory, app)


def redis_store(
    url: str, options: RedisOptions, timeout: float, memory: MemoryStore, app: Flask | None = None
) -> Failover:
    """Counts in Redis, in ``memory`` while it is away.

    :param timeout: seconds to wait for an answer.
    :param app: the sender of its signals.
    """
    commands = commands_to(url, options, timeout)
    if app is not None:
        commands = Announced(commands, app, "ratelimit")
    remote: Store = ClusterStore(commands) if is_cluster(url) else RedisStore(commands)
    if app is not None:
        on_worker_start(app, lambda workers: commands.prepare())

    def on_open(reason: str) -> None:
        logger.warning("Rate limits go on without Redis at %s: %s", commands.address, reason)
        tell(store_down, app, feature="ratelimit", reason=reason)

    def on_close(outage: float) -> None:
        logger.warning("Rate limits are back on Redis at %s after %.1f s", commands.address, outage)
        tell(store_up, app, feature="ratelimit", outage=outage)

    return Failover(remote, memory, Breaker(on_open, on_close))
