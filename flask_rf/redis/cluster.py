"""Commands to a Redis Cluster, over redis-py's client and its pools of connections."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import suppress
from functools import partial
from typing import Any

from .client import failures
from .client import raise_first
from .client import RedisOptions
from .client import RedisServer
from .primary import Command
from .primary import made_for
from .primary import UNKNOWN
from .waiting import pooled_connection


def is_cluster(url: str) -> bool:
    return url.startswith("redis+cluster:")


class ClusterSender:
    """Sends commands to the servers that hold their keys.

    :param url: ``redis+cluster://…``.
    :param options: of connections.
    :param timeout: seconds a server may take to reply.
    """

    def __init__(self, url: str, options: RedisOptions, timeout: float) -> None:
        times = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        self._server = RedisServer(url, options, **times)
        self._timeout = timeout

    @property
    def address(self) -> str:
        """The URL without its credentials."""
        return self._server.address

    def prepare(self) -> None:
        """Load the client library now, which takes longer than a command may."""
        import redis.cluster  # noqa: F401

    def execute(self, *command: Any) -> Any:
        """Send one command and wait for its reply.

        :raises redis.exceptions.RedisError: there was none in time, or it is an error.
        """
        if len(command) == 1:  # PING, to any of them
            return self._client().execute_command(*command)
        (reply,) = raise_first(self.execute_each([command]))
        return reply

    def execute_each(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands to the servers that hold their first keys; then await the replies.

        :return: replies, and an exception in the place of one that failed.
        """
        # redis-py's own pipelines of a Cluster refuse scripts by their digest.
        with ExitStack() as taken:
            replies = [self._ask(command, taken) for command in commands]
            return [_outcome(reply) for reply in replies]

    def scan(self, pattern: str) -> list[bytes]:
        """The keys that match, of every node."""
        return list(self._client().scan_iter(match=pattern, count=1000))

    def close(self) -> None:
        """Close this process's connections."""
        self._server.close()

    def _ask(self, command: Command, taken: ExitStack) -> Callable[[], Any]:
        """Send ``command`` now; the function returned waits for its reply.

        :param taken: gives the connection back.
        """
        from redis.exceptions import AskError  # MOVED is one, too
        from redis.exceptions import ClusterDownError
        from redis.exceptions import TryAgainError

        client = self._client()
        plain = command(UNKNOWN) if callable(command) else command
        by_client = partial(client.execute_command, *plain)
        try:
            node = client.get_redis_connection(client.get_node_from_key(_first_key(plain)))
            connection = pooled_connection(node, self._timeout)
        except failures():
            # No server has seen it, and the client looks where its slot is now.
            return partial(self._server.in_turn, by_client)
        _keep(connection, node.connection_pool, taken)
        with suppress(*failures()):  # a connection that broke says so when it is read
            connection.send_command(*made_for(connection, command))

        def reply() -> Any:
            try:
                return connection.read_response()
            except (AskError, ClusterDownError, TryAgainError):
                return by_client()  # declined, so not executed

        return reply

    def _client(self) -> Any:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client: Any = self._server.client
        # Once, to follow a moved slot; not until a lost node comes back.
        client.set_retry(Retry(NoBackoff(), 1))
        return client


def _keep(connection: Any, pool: Any, taken: ExitStack) -> None:
    """Have a connection given back at the end, whatever happens until then."""

    def give_back(interrupted: type[BaseException] | None, *_: object) -> None:
        if interrupted is not None:
            connection.disconnect()  # its reply may still come
        pool.release(connection)

    taken.push(give_back)


def _first_key(command: tuple[Any, ...]) -> Any:
    return command[3] if command[0] in ("EVALSHA", "EVAL") else command[1]


def _outcome(reply: Callable[[], Any]) -> Any:
    try:
        return reply()
    except failures() as error:
        return error
