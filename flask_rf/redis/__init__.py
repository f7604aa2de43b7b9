"""The only place that speaks Redis."""

from .client import failures
from .client import namespace
from .client import own_connection
from .client import raise_first
from .client import redis_url
from .client import RedisOptions
from .client import RedisServer
from .client import unavailable
from .uses import add_use
from .uses import Use
from .uses import uses_of

__all__ = [
    "RedisOptions",
    "RedisServer",
    "Use",
    "add_use",
    "failures",
    "namespace",
    "own_connection",
    "raise_first",
    "redis_url",
    "unavailable",
    "uses_of",
]
