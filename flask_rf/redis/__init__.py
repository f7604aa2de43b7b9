"""The only place that speaks Redis."""

from .client import failures
from .client import namespace
from .client import redis_url
from .client import RedisOptions
from .client import RedisServer
from .client import unavailable

__all__ = ["RedisOptions", "RedisServer", "failures", "namespace", "redis_url", "unavailable"]
