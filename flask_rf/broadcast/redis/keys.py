"""The names of everything broadcasting has in Redis. Pure.

A Cluster keeps what shares a hash tag on one server, and scripts see one server only: all
of a channel's keys and its topic carry the tag of its partition. Anywhere else there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

#: In a Cluster: enough for a dozen primaries to share evenly, few enough to ask them all.
CLUSTER_PARTITIONS = 64


class Keyspace:
    """
    :param base: begins every name: the app's namespace and id.
    :param partitions: how many there are.
    """

    def __init__(self, base: str, partitions: int = 1) -> None:
        self._base = base
        self.partitions = range(partitions)

    def partition(self, channel: str) -> int:
        return crc32(channel.encode()) % len(self.partitions)

    def by_partition(self, channels: Iterable[str]) -> dict[int, list[str]]:
        groups: dict[int, list[str]] = {}
        for channel in channels:
            groups.setdefault(self.partition(channel), []).append(channel)
        return groups

    def topic_prefix(self, partition: int) -> str:
        """What begins the topics of a partition's channels."""
        return f"{self._tag(partition)}:events:"

    def topic(self, channel: str) -> str:
        """Where a channel's events are published."""
        return self.topic_prefix(self.partition(channel)) + channel

    def channel_of(self, topic: str) -> str:
        """The channel whose topic it is."""
        return topic.partition("}:events:")[2]

    def history(self, channel: str) -> list[str]:
        """Position, and stream of events."""
        return [self._of(channel, "position"), self._of(channel, "history")]

    def once(self, channel: str, publish_id: str) -> str:
        """Says that an event has been kept."""
        return f"{self._tag(self.partition(channel))}:once:{publish_id}"

    def last(self, channel: str) -> str:
        """A cache channel's last event."""
        return self._of(channel, "last")

    def presence(self, channel: str) -> list[str]:
        """Sockets, users and sockets per user."""
        return [self._of(channel, f"presence:{part}") for part in ("sockets", "users", "counts")]

    def entries(self, partition: int, server_id: str) -> str:
        """The presence entries a server answers for."""
        return f"{self._tag(partition)}:presence:server:{server_id}"

    def subscribers(self, partition: int, server_id: str = "") -> str:
        """Subscribers by channel: of one server, or of all together."""
        own = f":{server_id}" if server_id else ""
        return f"{self._tag(partition)}:presence:subscribers{own}"

    def left(self, partition: int) -> str:
        """Who has left of late."""
        return f"{self._tag(partition)}:presence:left"

    def servers(self) -> str:
        """The servers by their last sign of life."""
        return f"{self._tag(0)}:presence:servers"

    def lease(self, server_id: str) -> str:
        """Who takes a dead server's members off."""
        return f"{self._tag(0)}:presence:lease:{server_id}"

    def _of(self, channel: str, what: str) -> str:
        return f"{self._tag(self.partition(channel))}:{what}:{channel}"

    def _tag(self, partition: int) -> str:
        if len(self.partitions) == 1:
            return f"{{{self._base}}}"
        return f"{{{self._base}:{partition}}}"
