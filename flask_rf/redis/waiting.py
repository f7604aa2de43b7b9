"""Bounds for those who wait for others that use the same Redis."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from threading import Semaphore
from typing import Any
from typing import TYPE_CHECKING
from typing import TypeVar

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")


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


@contextmanager
def pooled_connection(client: Redis, patience: float) -> Iterator[Any]:
    """A connection of a client's pool, for the block it is the ``with`` of.

    :param patience: seconds to wait for one if all are in use. To have none left at once would
        be taken for a lost server.
    :raises redis.exceptions.ConnectionError: there is none, or it cannot connect.
    """
    from redis.exceptions import MaxConnectionsError

    pool: Any = client.connection_pool
    # In the order of their coming: of many who looked now and then, some would find none for long.
    free: Semaphore = vars(pool).setdefault("_rf_free", Semaphore(pool.max_connections))
    if not free.acquire(timeout=patience):
        raise MaxConnectionsError(f"all connections were in use for {patience} s")
    try:
        connection = pool.get_connection()
        try:
            yield connection
        except BaseException:
            connection.disconnect()  # its reply may still come
            raise
        finally:
            pool.release(connection)
    finally:
        free.release()
