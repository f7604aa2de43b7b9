"""Listens to a Redis Cluster: one subscriber connection for each primary.

Sharded Pub/Sub (Redis 7) passes an event on within its shard only, so that the Cluster carries
more the more servers it has. Where shards move, or another server takes one over, the
connections are made anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Sequence
from functools import partial
from typing import Any

from redis.exceptions import RedisClusterException
from redis.exceptions import RedisError

from ...redis import own_connection
from ...redis import RedisServer
from ..broker import Ear
from .keys import Keyspace
from .listener import Listener
from .listener import Source

logger = logging.getLogger("flask_rf.broadcast")

_LOOK = 1.0  # seconds between two looks at where the shards are, while one is not heard


class ClusterListener:
    """What :class:`~.listener.Listener` is to one server.

    :param cluster: where to connect.
    """

    def __init__(self, cluster: RedisServer, keys: Keyspace, ear: Ear) -> None:
        self._cluster = cluster
        self._keys = keys
        self._ear = ear
        self._channels: set[str] = set()
        self._homes: dict[int, str] = {}
        self._listeners: dict[str, Listener] = {}
        self._told_up = False
        self._telling = False
        self._changing = threading.RLock()
        self._stopped = threading.Event()
        self._look()
        threading.Thread(target=self._watch, name="rf-cluster", daemon=True).start()

    @property
    def up(self) -> bool:
        listeners = list(self._listeners.values())
        return bool(listeners) and all(listener.up for listener in listeners)

    def wait(self) -> None:
        """Wait until it is known whether the servers can be heard, but not for long."""
        for listener in list(self._listeners.values()):
            listener.wait()

    def subscribe(self, channel: str) -> None:
        """Hear a channel; returns once its server has confirmed it, or is not heard."""
        with self._changing:
            self._channels.add(channel)
            listener = self._of(channel)
        if listener is not None:
            listener.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        with self._changing:
            self._channels.discard(channel)
            listener = self._of(channel)
        if listener is not None:
            listener.unsubscribe(channel)

    def probe(self, publish: Callable[[bytes], None]) -> None:
        """See :meth:`.listener.Listener.probe`."""
        for listener in list(self._listeners.values()):
            try:
                listener.probe(publish)
            except (RedisError, RedisClusterException, OSError) as error:
                logger.debug("a server of the Cluster is not probed: %s", error)

    def stop(self) -> None:
        self._stopped.set()
        for listener in list(self._listeners.values()):
            listener.stop()

    def join(self, timeout: float) -> None:
        """Wait for the threads to end, each at most ``timeout`` seconds."""
        for listener in list(self._listeners.values()):
            listener.join(timeout)

    def _of(self, channel: str) -> Listener | None:
        return self._listeners.get(self._homes.get(self._keys.partition(channel), ""))

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK):
            if not self.up:
                self._look(anew=True)

    def _look(self, anew: bool = False) -> None:
        """Find out which server has which shard, and listen there.

        :param anew: whether what is known may be out of date.
        """
        try:
            client: Any = self._cluster.client
            if anew:
                client.nodes_manager.initialize()
            home_of = client.get_node_from_key
            homes = {p: home_of(self._keys.topic_prefix(p)) for p in self._keys.partitions}
        except (RedisError, RedisClusterException, OSError) as error:
            logger.debug("the shards of the Cluster are unknown: %s", error)
            return
        with self._changing:
            self._settle(client, homes)

    def _settle(self, client: Any, homes: dict[int, Any]) -> None:
        nodes = {node.name: node for node in homes.values()}
        for name in {*self._listeners, *nodes}:
            wanted = [p for p, node in homes.items() if node.name == name]
            if wanted == [p for p, home in self._homes.items() if home == name]:
                continue
            former = self._listeners.pop(name, None)
            if former is not None:
                former.stop()
            if wanted and not self._stopped.is_set():
                self._listeners[name] = self._listen(client, nodes[name], wanted)
        self._homes = {p: node.name for p, node in homes.items()}

    def _listen(self, client: Any, node: Any, partitions: Sequence[int]) -> Listener:
        dial = partial(own_connection, client.get_redis_connection(node))
        channels = [name for name in self._channels if self._keys.partition(name) in partitions]
        source = Source(f"{self._cluster.address} ({node.name})", dial, True)
        ear = _Part(self._ear, self._part_changed)
        return Listener(source, self._keys, ear, partitions[0], channels)

    def _part_changed(self) -> None:
        while self._begins_to_tell():
            try:
                self._ear.link_changed(self._told_up)
            finally:
                self._telling = False

    def _begins_to_tell(self) -> bool:
        """Whether there is a change, and nobody who tells another and looks again after it."""
        with self._changing:
            up = self.up
            if self._telling or up == self._told_up:
                return False
            self._told_up, self._telling = up, True
            return True


class _Part:
    """The ear of one connection."""

    def __init__(self, ear: Ear, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.deliver = ear.deliver
        self.catch_up = ear.catch_up
        self.state_anew = ear.state_anew

    def link_changed(self, up: bool) -> None:
        self._changed()
