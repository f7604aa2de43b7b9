"""Laravel's production comforts for Flask.

Names load on first use (PEP 562): importing the package loads neither redis nor
gevent, so that a gunicorn worker can still patch before ssl is imported.
"""

from __future__ import annotations

import importlib
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .broadcast import Broadcast as Broadcast
    from .broadcast import Event as Event
    from .broadcast import MemoryBroadcaster as MemoryBroadcaster
    from .broadcast import RedisBroadcaster as RedisBroadcaster
    from .compression import Compress as Compress
    from .cors import CORS as CORS
    from .cors import cross_origin as cross_origin
    from .dashboard import Dashboard as Dashboard
    from .errors import BroadcastError as BroadcastError
    from .errors import ConfigurationError as ConfigurationError
    from .errors import RFError as RFError
    from .errors import SetupError as SetupError
    from .errors import StorageError as StorageError
    from .extension import RF as RF
    from .health import DatabaseCheck as DatabaseCheck
    from .health import Health as Health
    from .logs import AccessLog as AccessLog
    from .metrics import Metrics as Metrics
    from .ratelimit import get_remote_address as get_remote_address
    from .ratelimit import Limit as Limit
    from .ratelimit import Limiter as Limiter
    from .ratelimit import MemoryRateLimiter as MemoryRateLimiter
    from .ratelimit import RateLimitExceeded as RateLimitExceeded
    from .ratelimit import RedisRateLimiter as RedisRateLimiter
    from .request_id import carry as carry
    from .request_id import current_request_id as current_request_id
    from .request_id import RequestID as RequestID
    from .request_id import RequestIDFilter as RequestIDFilter
    from .storage import Storage as Storage
    from .storage import StorageCheck as StorageCheck

_HOMES = {
    "AccessLog": "logs",
    "Broadcast": "broadcast",
    "BroadcastError": "errors",
    "CORS": "cors",
    "Compress": "compression",
    "ConfigurationError": "errors",
    "Dashboard": "dashboard",
    "DatabaseCheck": "health",
    "Event": "broadcast",
    "Health": "health",
    "Limit": "ratelimit",
    "Limiter": "ratelimit",
    "MemoryBroadcaster": "broadcast",
    "MemoryRateLimiter": "ratelimit",
    "Metrics": "metrics",
    "RateLimitExceeded": "ratelimit",
    "RedisBroadcaster": "broadcast",
    "RedisRateLimiter": "ratelimit",
    "RF": "extension",
    "RFError": "errors",
    "RequestID": "request_id",
    "RequestIDFilter": "request_id",
    "SetupError": "errors",
    "Storage": "storage",
    "StorageCheck": "storage",
    "StorageError": "errors",
    "carry": "request_id",
    "cross_origin": "cors",
    "current_request_id": "request_id",
    "get_remote_address": "ratelimit",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
