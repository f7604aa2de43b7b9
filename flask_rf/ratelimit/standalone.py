"""A limit by itself, for code that serves no requests: jobs, consumers, other frameworks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError
from ..redis import RedisOptions
from .limit import as_limits
from .limit import Limit
from .limit import Rate
from .memory import MemoryStore
from .plan import PolicyMaker
from .policy import Policy
from .store import Claim
from .store import Store
from .stores import redis_store


@dataclass(frozen=True)
class RateLimitResult:
    """What a check came to.

    :param limit: requests allowed in a window.
    :param remaining: requests left.
    :param reset_after: seconds until quota comes back.
    :param retry_after: seconds until the request would pass; 0 if it does.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float


class _RateLimiter:
    """Counts by key.

    :param config: ``"100/minute"``, a :class:`Limit`, or a mapping with ``limit`` (requests),
        ``window`` (seconds) and perhaps ``strategy``.
    """

    def __init__(self, store: Store, config: Any, namespace: str) -> None:
        self._store = store
        self._policy = _policy(config, namespace)

    def check(self, key: str, cost: int = 1) -> RateLimitResult:
        """Count ``cost`` requests of ``key``, if they fit.

        :raises ValueError: the cost is negative.
        """
        if cost < 0:
            raise ValueError(f"cost={cost}: write 0 or more")
        verdict = self._store.take([self._claim(key, cost)])[0]
        return RateLimitResult(
            verdict.allowed,
            self._policy.count,
            verdict.remaining,
            verdict.reset / 1e6,
            verdict.retry / 1e6,
        )

    def info(self, key: str) -> RateLimitResult:
        """What is left for ``key``; counts nothing."""
        return self.check(key, 0)

    def reset(self, key: str) -> None:
        """Forget what ``key`` did."""
        self._store.clear([self._policy.storage_key(key)])

    def _claim(self, key: str, cost: int) -> Claim:
        return Claim(self._policy, self._policy.storage_key(key), cost, key)


class MemoryRateLimiter(_RateLimiter):
    """A limit in this process's memory.

    :param config: ``"100/minute"``, a :class:`Limit`, or a mapping with ``limit`` (requests),
        ``window`` (seconds) and perhaps ``strategy``.
    :param capacity: keys kept.
    :raises ConfigurationError: the limit cannot be meant.
    """

    def __init__(self, config: Any, capacity: int = 100_000) -> None:
        super().__init__(MemoryStore(capacity), config, "rl")


class RedisRateLimiter(_RateLimiter):
    """A limit shared through Redis; while it is away this process counts by itself.

    :param url: names the Redis.
    :param config: as :class:`MemoryRateLimiter`'s.
    :param prefix: begins every key.
    :param timeout: seconds a check may wait.
    :raises ConfigurationError: the limit cannot be meant.
    """

    def __init__(self, url: str, config: Any, prefix: str = "rl", timeout: float = 0.05) -> None:
        super().__init__(redis_store(url, RedisOptions(), timeout, MemoryStore()), config, prefix)


def _policy(config: Any, namespace: str) -> Policy:
    try:
        limits = as_limits(_from_mapping(config) if isinstance(config, Mapping) else config)
        if len(limits) != 1 or not isinstance(limits[0], Limit):
            raise ValueError("write one limit, like 100/minute")
    except ValueError as error:
        raise ConfigurationError("config", config, str(error)) from None
    return PolicyMaker(namespace).make(limits[0], "")


def _from_mapping(config: Mapping[str, Any]) -> Limit:
    try:
        rate = Rate(int(config["limit"]), int(config["window"]))
    except (KeyError, TypeError):
        raise ValueError("give it limit (requests) and window (seconds)") from None
    return Limit(rate, strategy=config.get("strategy"))
