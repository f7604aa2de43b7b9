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


_UNSEEN = object()  # in the place of a reply: no server has seen the command


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
        client = self._client()
        plain = [command(UNKNOWN) if callable(command) else command for command in commands]
        replies: list[Any] = [_UNSEEN] * len(commands)
        with ExitStack() as taken:
            sent = []
            # One connection to each server, and in one order for all: of two who hold what the
            # other waits for, neither would get any further.
            for _, (node, places) in sorted(_by_server(client, plain).items()):
                connection = self._take(client, node, taken)
                if connection is not None:
                    _send(connection, [commands[place] for place in places])
                    sent += [(place, connection) for place in places]
            for place, connection in sent:
                replies[place] = _outcome(connection.read_response)
        pairs = zip(plain, replies, strict=True)
        return [self._settled(client, command, reply) for command, reply in pairs]

    def scan(self, pattern: str) -> list[bytes]:
        """The keys that match, of every node."""
        return list(self._client().scan_iter(match=pattern, count=1000))

    def close(self) -> None:
        """Close this process's connections."""
        self._server.close()

    def _take(self, client: Any, node: Any, taken: ExitStack) -> Any:
        """A connection to a server; None if there is none.

        :param taken: gives it back.
        """
        try:
            server = client.get_redis_connection(node)
            return taken.enter_context(pooled_connection(server, self._timeout))
        except failures():
            return None

    def _settled(self, client: Any, command: tuple[Any, ...], reply: Any) -> Any:
        """``reply``, or what another server replies to a command that was not executed."""
        from redis.exceptions import AskError  # MOVED is one, too
        from redis.exceptions import ClusterDownError
        from redis.exceptions import TryAgainError

        by_client = partial(client.execute_command, *command)
        if reply is _UNSEEN:  # the client looks where its slot is now
            return _outcome(partial(self._server.in_turn, by_client))
        if isinstance(reply, (AskError, ClusterDownError, TryAgainError)):
            return _outcome(by_client)
        return reply

    def _client(self) -> Any:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client: Any = self._server.client
        # Once, to follow a moved slot; not until a lost node comes back.
        client.set_retry(Retry(NoBackoff(), 1))
        return client


def _by_server(
    client: Any, commands: Sequence[tuple[Any, ...]]
) -> dict[str, tuple[Any, list[int]]]:
    """The servers that hold the commands' keys, by name, each with the places of its commands."""
    found: dict[str, tuple[Any, list[int]]] = {}
    for place, command in enumerate(commands):
        with suppress(*failures()):  # nobody is known to hold its slot
            node = client.get_node_from_key(_first_key(command))
            found.setdefault(node.name, (node, []))[1].append(place)
    return found


def _send(connection: Any, commands: Sequence[Command]) -> None:
    with suppress(*failures()):  # a connection that broke says so when it is read
        made = [made_for(connection, command) for command in commands]
        connection.send_packed_command(connection.pack_commands(made))


def _first_key(command: tuple[Any, ...]) -> Any:
    return command[3] if command[0] in ("EVALSHA", "EVAL") else command[1]


def _outcome(reply: Callable[[], Any]) -> Any:
    try:
        return reply()
    except failures() as error:
        return error
