"""Sends commands to a Redis, by the cheapest way there is from where the caller runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from ..eventloop import in_greenlet
from .client import RedisOptions
from .client import RedisServer
from .cluster import ClusterSender
from .cluster import is_cluster
from .lane import Lane
from .pool import Pool
from .primary import Command


class Commands(Protocol):
    """A way to a Redis."""

    @property
    def address(self) -> str:
        """Its URL without credentials."""

    def prepare(self) -> None:
        """Load the client libraries now, which takes longer than a command may."""

    def execute(self, *command: Any) -> Any:
        """Send one command and wait for its reply.

        :raises redis.exceptions.RedisError: there was none in time, or it is an error.
        """

    def execute_each(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together and wait for their replies.

        In a Cluster each goes to the server of its first key.

        :return: replies, and an exception in the place of one that failed.
        """

    def scan(self, pattern: str) -> list[bytes]:
        """The keys that match."""

    def close(self) -> None:
        """Close this process's connections."""


def commands_to(url: str, options: RedisOptions, timeout: float) -> Commands:
    """The way to the Redis that ``url`` names.

    :param url: as :func:`~.client.redis_url` accepts it.
    :param options: of connections.
    :param timeout: seconds a command may wait for its reply.
    """
    way = ClusterSender if is_cluster(url) else Sender
    return way(url, options, timeout)


class Sender:
    """Sends over a :class:`Lane` from greenlets, over a :class:`Pool` from threads."""

    def __init__(self, url: str, options: RedisOptions, timeout: float) -> None:
        # Greenlets give up waiting by themselves, while dialling goes on for those to come.
        self._dialled = RedisServer(url, options)
        times = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        self._pooled = RedisServer(url, options, **times)
        self._timeout = timeout
        self._most = options.max_connections
        self._lanes: dict[Any, Lane] = {}
        self._pools: dict[int, Pool] = {}  # by process: in a fork, a thread may hold the parent's

    @property
    def address(self) -> str:
        return self._dialled.address

    def prepare(self) -> None:
        importlib.import_module("hiredis")
        importlib.import_module("redis")

    def execute(self, *command: Any) -> Any:
        return (self._lane() or self._pool()).execute(command)

    def execute_each(self, commands: Sequence[Command]) -> list[Any]:
        return (self._lane() or self._pool()).execute_each(commands)

    def scan(self, pattern: str) -> list[bytes]:
        return list(self._pooled.client.scan_iter(match=pattern, count=1000))

    def close(self) -> None:
        self._forget_ended()
        for lane in list(self._lanes.values()):
            lane.close()
        self._lanes.clear()
        self._pool().close()
        self._pooled.close()
        self._dialled.close()

    def _pool(self) -> Pool:
        pid = os.getpid()
        pool = self._pools.get(pid)
        if pool is None:
            pool = self._pools.setdefault(pid, Pool(self._pooled, self._most, self._timeout))
            for other in self._pools.keys() - {pid}:
                self._pools.pop(other, None)
        return pool

    def _lane(self) -> Lane | None:
        gevent = sys.modules.get("gevent")
        if gevent is None:
            return None
        hub = gevent.getcurrent().parent
        lane = self._lanes.get(hub)
        if lane is not None and lane.pid == os.getpid():
            return lane
        if not in_greenlet():
            return None
        if lane is not None:
            lane.abandon()
        self._forget_ended(hub)
        lane = self._lanes[hub] = Lane(self._dialled, self._timeout, hub)
        return lane

    def _forget_ended(self, running: Any = None) -> None:
        """Close the connections of threads that have ended, and their hubs with them.

        :param running: the hub of this thread, whose number may have been another's.
        """
        threads = sys._current_frames().keys() - {getattr(running, "thread_ident", None)}
        for hub in list(self._lanes):
            if hub.loop is None or (hub is not running and hub.thread_ident not in threads):
                self._lanes.pop(hub).abandon()
