"""Bounds for those who wait for others that use the same Redis."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from threading import Event
from threading import Lock
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


class _Waiter:
    def __init__(self) -> None:
        self.served = Event()
        self.thing: Any = None


class Shelf:
    """Things that are lent, to those who wait for one in the order of their coming.

    A semaphore lets who has just left in again before those it has woken: of many threads that
    ask again and again, some would wait until all others had done. There is no lock where a
    thing is idle, which would cost more than all the rest.

    :param things: the one put back last is lent first.
    """

    def __init__(self, things: Iterable[Any]) -> None:
        self._idle = list(things)
        self._waiting: deque[_Waiter] = deque()
        self._serving = Lock()

    def take(self, patience: float) -> Any:
        """A thing.

        :param patience: seconds to wait for one.
        :raises redis.exceptions.MaxConnectionsError: all were in use all the time.
        """
        if not self._waiting:
            try:
                return self._idle.pop()
            except IndexError:
                pass
        return self._take_in_turn(patience)

    def take_idle(self) -> list[Any]:
        """All that nobody uses."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._idle.pop())
        return taken

    def put_back(self, *things: Any) -> None:
        self._idle.extend(things)
        if self._waiting:
            self._serve()

    def _take_in_turn(self, patience: float) -> Any:
        from redis.exceptions import MaxConnectionsError

        waiter = _Waiter()
        self._waiting.append(waiter)
        self._serve()  # what was put back before anybody saw this one wait
        try:
            if waiter.served.wait(patience) or not self._gives_up(waiter):
                return waiter.thing
        except BaseException:
            if not self._gives_up(waiter):
                self.put_back(waiter.thing)
            raise
        raise MaxConnectionsError(f"all connections were in use for {patience} s")

    def _serve(self) -> None:
        with self._serving:
            while self._waiting and self._idle:
                with suppress(IndexError):  # somebody took the last one who saw nobody wait
                    thing = self._idle.pop()
                    waiter = self._waiting.popleft()
                    waiter.thing = thing
                    waiter.served.set()

    def _gives_up(self, waiter: _Waiter) -> bool:
        """Stop waiting; false for one that was served in the last moment."""
        with self._serving, suppress(ValueError):
            self._waiting.remove(waiter)
            return True
        return False


@contextmanager
def pooled_connection(client: Redis, patience: float) -> Iterator[Any]:
    """A connection of a client's pool, for the block it is the ``with`` of.

    :param patience: seconds to wait for one if all are in use. To have none left at once would
        be taken for a lost server.
    :raises redis.exceptions.ConnectionError: there is none, or it cannot connect.
    """
    pool: Any = client.connection_pool
    places: Shelf = vars(pool).setdefault("_rf_places", Shelf(range(pool.max_connections)))
    place = places.take(patience)
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
        places.put_back(place)
