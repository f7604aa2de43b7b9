"""Broadcasting between processes, through Redis."""

from .broker import RedisBroker

__all__ = ["RedisBroker"]
