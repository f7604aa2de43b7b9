"""The only place that speaks Redis."""

from .client import namespace
from .client import redis_url
from .client import RedisOptions
from .client import RedisServer
from .client import unavailable

__all__ = ["RedisOptions", "RedisServer", "namespace", "redis_url", "unavailable"]
