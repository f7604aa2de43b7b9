"""The broker between processes: Redis Pub/Sub for events, streams and hashes for the rest."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

from ...redis import failures
from ...redis import raise_first
from ...redis import RedisServer
from ...redis import unavailable
from ...redis.cluster import is_cluster
from ...redis.sender import Commands
from ..broker import CACHE_TTL
from ..broker import Ear
from ..broker import NOBODY
from ..broker import Size
from ..broker import Told
from ..envelope import Envelope
from ..envelope import pack
from ..history import History
from ..history import Position
from ..history import Recovered
from ..session import Member
from .cluster_listener import ClusterListener
from .histories import RedisHistories
from .keys import CLUSTER_PARTITIONS
from .keys import Keyspace
from .life import Life
from .listener import Listener
from .listener import Source
from .presence import Presence
from .tally import Tally

logger = logging.getLogger("flask_rf.broadcast")


_LAST_COMMAND = 1.0  # seconds that threads have for it before their connections are closed


class RedisBroker:
    """One per app and process.

    :param commands: the way to Redis.
    :param listening: the same Redis, for the connection that waits.
    :param base: begins every key and topic: namespace and app id.
    :param count_events: whether subscribers are told how many they are.
    :param told: of changes that this process has made.
    """

    def __init__(
        self,
        commands: Commands,
        listening: RedisServer,
        base: str,
        count_events: bool = False,
        told: Told = NOBODY,
    ) -> None:
        self._commands = commands
        self._listening = listening
        self._sharded = is_cluster(listening.url)
        publish = "SPUBLISH" if self._sharded else "PUBLISH"
        self._publish = publish
        self._keys = Keyspace(base, CLUSTER_PARTITIONS if self._sharded else 1)
        self._id = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._count_events = count_events
        self._presence = Presence(commands, self._keys, self._id, publish, told, count_events)
        self._histories = RedisHistories(commands, self._keys, publish)
        self._listener: Listener | ClusterListener | None = None
        self._tally: Tally | None = None
        self._life: Life | None = None

    @property
    def up(self) -> bool:
        return self._listener is not None and self._listener.up

    def start(self, ear: Ear) -> None:
        def state_anew() -> None:
            tally.write_again()
            if self.up:
                ear.state_anew()

        self._tally = tally = Tally(self._write_counts, self._count_events)
        self._listener = listener = self._listen(ear)
        # The first socket is to be told the truth about the link, not an early "down".
        listener.wait()

        def probe() -> None:
            listener.probe(lambda topic: self._commands.execute(self._publish, topic, b""))

        bury = self._presence.bury
        self._life = Life(self._commands, self._keys, self._id, bury, state_anew, probe)

    def stop(self) -> None:
        parts = [part for part in (self._life, self._listener, self._tally) if part is not None]
        for part in parts:
            part.stop()
        for part in parts:
            part.join(_LAST_COMMAND)
        if self._life is not None:
            self._take_leave()
        self._commands.close()
        self._listening.close()

    def answers(self) -> bool:
        try:
            return bool(self._commands.execute("PING"))
        except failures():
            return False

    def publish(self, events: Sequence[tuple[str, Envelope]]) -> None:
        with _naming("publishing"):
            topic = self._keys.topic
            commands = [(self._publish, topic(name), pack(envelope)) for name, envelope in events]
            if len(commands) == 1:
                self._commands.execute(*commands[0])
            else:
                raise_first(self._commands.execute_each(commands))

    def keep(self, events: Sequence[tuple[str, Envelope, History]]) -> None:
        with _naming("publishing"):
            self._histories.add(events)

    def recover(self, wanted: Sequence[tuple[str, Position | None]]) -> Sequence[Recovered]:
        with _naming("reading a history"):
            return self._histories.since(wanted)

    def remember(self, channel: str, payload: bytes) -> None:
        with _naming("remembering an event"):
            self._commands.execute("SET", self._keys.last(channel), payload, "EX", CACHE_TTL)

    def remembered(self, channel: str) -> bytes | None:
        with _naming("remembering an event"):
            payload: bytes | None = self._commands.execute("GET", self._keys.last(channel))
            return payload

    def remembered_for(self, channel: str) -> int:
        with _naming("remembering an event"):
            return max(0, int(self._commands.execute("TTL", self._keys.last(channel))))

    def subscribe(self, channel: str) -> None:
        if self._listener is not None:
            self._listener.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        if self._listener is not None:
            self._listener.unsubscribe(channel)

    def count(self, channel: str, subscribers: int) -> None:
        if self._tally is not None:
            self._tally.count(channel, subscribers)

    def occupied(self, prefix: str = "") -> Mapping[str, int]:
        with _naming("listing channels"):
            return self._presence.occupied(prefix)

    def sizes(self, channels: Sequence[str]) -> list[Size]:
        with _naming("listing channels"):
            return self._presence.sizes(channels)

    def join(self, channel: str, socket_id: str, member: Member, room: int) -> Mapping[str, Any]:
        with _naming("presence"):
            return self._presence.join(channel, socket_id, member, room)

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        with _naming("presence"):
            self._presence.leave(channel, socket_id, user_id)

    def introduce(self) -> None:
        if self._life is not None and self._tally is not None:
            self._tally.write_again()  # who is known again is not asked for its counts any more
            with _naming("presence"):
                self._life.introduce()

    def prune(self, is_here: Callable[[str, str], bool]) -> None:
        with _naming("presence"):
            self._presence.prune(is_here)

    def departed(self) -> Collection[tuple[str, str]]:
        with _naming("presence"):
            return self._presence.departed()

    def users(self, channel: str) -> Collection[str]:
        with _naming("presence"):
            return self._presence.users(channel)

    def online(self, user_ids: Sequence[str]) -> list[str]:
        with _naming("presence"):
            return self._presence.online(user_ids)

    def _listen(self, ear: Ear) -> Listener | ClusterListener:
        if self._sharded:
            return ClusterListener(self._listening, self._keys, ear)
        return Listener(Source.of(self._listening), self._keys, ear)

    def _write_counts(self, counts: Mapping[str, tuple[int, bool]]) -> Mapping[str, int]:
        with _naming("counting subscribers"):
            return self._presence.write_counts(counts)

    def _take_leave(self) -> None:
        """Take off what is left of this server, as far as that goes in a moment.

        What is not, survivors will, or whoever comes after them.
        """
        deadline = time.monotonic() + _LAST_COMMAND
        try:
            for _ in self._presence.bury(self._id):
                if time.monotonic() > deadline:
                    return
            self._commands.execute("ZREM", self._keys.servers(), self._id)
        except failures() as error:
            logger.debug("this server's end is left for others to notice: %s", error)


@contextmanager
def _naming(operation: str) -> Iterator[None]:
    """Turns redis-py's errors into ours."""
    try:
        yield
    except failures() as error:
        raise unavailable(operation, error) from error
