"""Connections for threads, each of which has one of its own while it waits.

They are redis-py's connections without its pool, whose events and metrics cost 20 µs a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .client import failures
from .client import own_connection
from .client import RedisServer
from .primary import Command
from .primary import made_for
from .waiting import Shelf


class Pool:
    """The connections of one process.

    :param server: whom to dial.
    :param most: how many there may be.
    :param patience: seconds to wait for one if all are in use. To have none left at once would be
        taken for a lost server.
    """

    def __init__(self, server: RedisServer, most: int, patience: float) -> None:
        self._server = server
        self._patience = patience
        self._connections = Shelf([None] * most)  # None has yet to be made

    def execute(self, command: tuple[Any, ...]) -> Any:
        """Send ``command`` and wait for its reply.

        :raises redis.exceptions.RedisError: there was none in time, or it is an error.
        """
        connection = self._borrow()
        try:
            _connect(connection)
            connection.send_command(*command)
            return connection.read_response()
        except BaseException as error:
            _doubt(connection, error)
            raise
        finally:
            self._give_back(connection)

    def execute_each(self, commands: Sequence[Command]) -> list[Any]:
        """Send ``commands`` together and wait for their replies.

        :return: replies, and an exception in the place of one that failed.
        """
        try:
            connection = self._borrow()
        except failures() as error:
            return [error] * len(commands)
        try:
            return _exchange(connection, commands)
        except BaseException as error:
            _doubt(connection, error)
            raise
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        idle = self._connections.take_idle()
        for connection in idle:
            if connection is not None:
                connection.disconnect()
        self._connections.put_back(*reversed(idle))

    def _borrow(self) -> Any:
        """A connection, which may have to be dialled.

        :raises redis.exceptions.MaxConnectionsError: all were in use all the time.
        """
        connection = self._connections.take(self._patience)
        if connection is not None:
            return connection
        try:
            return own_connection(self._server.client)
        except BaseException:
            self._connections.put_back(None)
            raise

    def _give_back(self, connection: Any) -> None:
        if connection._sock is None:
            self.close()  # the others may lead to the server that was lost, too
        self._connections.put_back(connection)


def _connect(connection: Any) -> None:
    """Dial, unless ``connection`` is connected still."""
    if connection._sock is not None and _is_stale(connection):
        connection.disconnect()
    if connection._sock is None:
        connection.connect()  # to send a command would dial, too, but ask no Sentinel


def _is_stale(connection: Any) -> bool:
    """Whether the server closed it, or said what nobody waits for any more."""
    try:
        return bool(connection.can_read())
    except failures():
        return True


def _doubt(connection: Any, outcome: object) -> None:
    """Dial anew unless ``outcome`` is a reply, and one of a primary."""
    from redis.exceptions import ReadOnlyError
    from redis.exceptions import ResponseError

    replied = not isinstance(outcome, BaseException) or isinstance(outcome, ResponseError)
    if not replied or isinstance(outcome, ReadOnlyError):
        connection.disconnect()


def _exchange(connection: Any, commands: Sequence[Command]) -> list[Any]:
    outcomes: list[Any] = []
    try:
        _connect(connection)  # before a command is made for the server it goes to
        packed = [connection.pack_command(*made_for(connection, one)) for one in commands]
        connection.send_packed_command([part for parts in packed for part in parts])
        for _ in commands:
            outcomes.append(_outcome(connection))
    except failures() as error:
        outcomes += [error] * (len(commands) - len(outcomes))
    for outcome in outcomes:
        _doubt(connection, outcome)
    return outcomes


def _outcome(connection: Any) -> Any:
    from redis.exceptions import ResponseError

    try:
        return connection.read_response()
    except ResponseError as error:
        return error
