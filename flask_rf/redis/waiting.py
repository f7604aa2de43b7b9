"""Bounds for those who wait for others that use the same Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any
from typing import TYPE_CHECKING
from typing import TypeVar

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

_PAUSE = 0.002  # seconds between two looks whether a connection has come free


class Turns:
    """One attempt at a time, whose failure those who waited for it share."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failed: Exception | None = None

    def take(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns.

        :raises redis.exceptions.ConnectionError: the attempt waited for has failed.
        """
        from redis.exceptions import ConnectionError

        known = self._failed
        with self._lock:
            if self._failed is not known:
                raise ConnectionError(str(self._failed))
            try:
                return attempt()
            except Exception as error:
                self._failed = ConnectionError(str(error))  # without the traceback
                raise


def pooled_connection(client: Redis, patience: float) -> Any:
    """A connection of a client's pool, to be released.

    :param patience: seconds to wait for one if all are in use. To have none left at once would
        be taken for a lost server.
    :raises redis.exceptions.ConnectionError: there is none, or it cannot connect.
    """
    from redis.exceptions import MaxConnectionsError

    deadline = time.monotonic() + patience
    while True:
        try:
            return client.connection_pool.get_connection()
        except MaxConnectionsError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
