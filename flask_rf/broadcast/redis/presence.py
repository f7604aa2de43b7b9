"""Who is on which channel, over all servers: each change is one script, which announces it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple
from typing import TypeVar

from ...redis import raise_first
from ...redis.script import Script
from ...redis.sender import Commands
from .. import protocol
from ..broker import ChannelFull
from ..broker import GONE_AFTER
from ..broker import Size
from ..broker import Told
from ..channel import ONLINE
from ..channel import tells_its_size
from ..envelope import Envelope
from ..envelope import pack
from ..session import Member
from .keys import Keyspace

_HERE = Path(__file__).parent
JOIN, LEAVE, COUNT, GONE = (
    Script.from_file(_HERE / f"{name}.lua") for name in ("join", "leave", "count", "gone")
)

#: Entries or channels that one script takes: Redis serves nobody else meanwhile, and the event
#: loop here does not while it is written. With 100 either takes 2 to 3 ms.
PART = 100
_PAGE = 1000  # entries read at once

T = TypeVar("T")


class Entry(NamedTuple):
    """A socket on a presence channel, which its server answers for."""

    socket_id: str
    channel: str
    user_id: str


class Presence:
    """
    :param server_id: this server's.
    :param publish: the command that publishes: ``PUBLISH`` or ``SPUBLISH``.
    :param told: of the changes made here.
    :param count_events: whether subscribers are told how many they are.
    """

    def __init__(
        self,
        commands: Commands,
        keys: Keyspace,
        server_id: str,
        publish: str,
        told: Told,
        count_events: bool,
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._id = server_id
        self._publish = publish
        self._told = told
        self._count_events = count_events

    def join(self, channel: str, socket_id: str, member: Member, room: int) -> Mapping[str, Any]:
        """See :meth:`~..broker.Broker.join`."""
        payload = protocol.presence_change(channel, member.user_id, member.info, joined=True)
        found = JOIN.run(
            self._commands.execute,
            [
                *self._keys.presence(channel),
                self._keys.entries(self._keys.partition(channel), self._id),
                *self._left(self._keys.partition(channel)),
            ],
            [
                socket_id,
                member.user_id,
                protocol.compact(member.info),
                " ".join(Entry(socket_id, channel, member.user_id)),
                self._publish,
                self._keys.topic(channel),
                pack(Envelope(payload, time.time(), socket_id)),
                room,
                f"{channel} {member.user_id}",
            ],
        )
        if found is None:
            raise ChannelFull
        first, news, *flat = found
        if first:
            self._told.joined(channel, member.user_id)
        if news and self._told.arrived is not None:
            self._told.arrived(channel, member.user_id)
        users = zip(flat[::2], flat[1::2], strict=True)
        return {user.decode(): json.loads(info) for user, info in users}

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        """See :meth:`~..broker.Broker.leave`."""
        self._take_off([Entry(socket_id, channel, user_id)], self._id)

    def write_counts(
        self, counts: Mapping[str, tuple[int, bool]], server_id: str = ""
    ) -> Mapping[str, int]:
        """Write how many subscribe here, and whether subscribers are told; returns the totals.

        :param server_id: the server that the counts are of; this one by default.
        """
        totals: dict[str, int] = {}
        for partition, channels in self._keys.by_partition(counts).items():
            for names in _parts(channels):
                some = {name: counts[name] for name in names}
                totals |= self._write_some(partition, some, server_id or self._id)
        return totals

    def occupied(self, prefix: str) -> Mapping[str, int]:
        """See :meth:`~..broker.Broker.occupied`."""
        found = self._each("HGETALL", map(self._keys.subscribers, self._keys.partitions))
        flat = [item for totals in found for item in totals]
        names = zip((name.decode() for name in flat[::2]), map(int, flat[1::2]), strict=True)
        return {name: total for name, total in names if name.startswith(prefix)}

    def sizes(self, channels: Sequence[str]) -> list[Size]:
        """See :meth:`~..broker.Broker.sizes`."""
        asked: list[tuple[Any, ...]] = []
        for channel in channels:
            totals = self._keys.subscribers(self._keys.partition(channel))
            asked += [("HGET", totals, channel), ("HLEN", self._users(channel))]
        answers = iter(raise_first(self._commands.execute_each(asked)))
        return [Size(int(total or 0), users) for total, users in zip(answers, answers, strict=True)]

    def users(self, channel: str) -> Collection[str]:
        """See :meth:`~..broker.Broker.users`."""
        found = self._commands.execute("HKEYS", self._users(channel))
        return {user_id.decode() for user_id in found}

    def online(self, user_ids: Sequence[str]) -> list[str]:
        """See :meth:`~..broker.Broker.online`."""
        answers = self._each("EXISTS", (self._users(ONLINE + user_id) for user_id in user_ids))
        return [user_id for user_id, there in zip(user_ids, answers, strict=True) if there]

    def departed(self) -> Collection[tuple[str, str]]:
        """See :meth:`~..broker.Broker.departed`."""
        if self._told.arrived is None:
            return []
        calls = [([self._keys.left(p)], [GONE_AFTER]) for p in self._keys.partitions]
        found = raise_first(GONE.run_each(self._commands.execute_each, calls))
        gone = [who.decode().partition(" ") for of_partition in found for who in of_partition]
        return [(channel, user_id) for channel, _, user_id in gone]

    def bury(self, server_id: str) -> Iterator[int]:
        """Take a server's members and counts off, part by part; others may do so, too.

        :return: after each part, how many members it had.
        """
        for entries in self._entries(server_id):
            self._take_off(entries, server_id)
            yield len(entries)
        counted = self._each(
            "HKEYS", (self._keys.subscribers(p, server_id) for p in self._keys.partitions)
        )
        for of_partition in counted:
            for names in _parts([name.decode() for name in of_partition]):
                tells = self._count_events
                counts = {name: (0, tells and tells_its_size(name)) for name in names}
                self.write_counts(counts, server_id)
                yield 0

    def prune(self, is_here: Callable[[str, str], bool]) -> None:
        """See :meth:`~..broker.Broker.prune`."""
        for entries in self._entries(self._id):
            gone = [entry for entry in entries if not is_here(entry.socket_id, entry.channel)]
            if gone:
                self._take_off(gone, self._id)

    def _entries(self, server_id: str) -> Iterator[list[Entry]]:
        """What a server answers for, in parts that share a partition."""
        keys = [self._keys.entries(p, server_id) for p in self._keys.partitions]
        sizes = self._each("SCARD", keys)
        for key in (key for key, size in zip(keys, sizes, strict=True) if size):
            cursor = None
            while cursor != b"0":
                cursor, page = self._commands.execute("SSCAN", key, cursor or 0, "COUNT", _PAGE)
                for found in _parts(page):
                    yield [Entry(*entry.decode().split(" ", 2)) for entry in found]

    def _take_off(self, entries: Sequence[Entry], server_id: str) -> None:
        """
        :param entries: of one partition.
        :param server_id: of the server that answers for them.
        """
        partition, now = self._keys.partition(entries[0].channel), time.time()
        keys = [self._keys.entries(partition, server_id)]
        arguments: list[Any] = [self._publish, len(entries)]
        for entry in entries:
            socket_id, channel, user_id = entry
            payload = protocol.presence_change(channel, user_id, None, joined=False)
            envelope = pack(Envelope(payload, now, socket_id))
            keys += self._keys.presence(channel)
            arguments += (socket_id, user_id, " ".join(entry), self._keys.topic(channel))
            arguments += (envelope, f"{channel} {user_id}")
        keys += self._left(partition)
        last = LEAVE.run(self._commands.execute, keys, arguments)
        for entry, was_last in zip(entries, last, strict=True):
            if was_last:
                self._told.left(entry.channel, entry.user_id)

    def _write_some(
        self, partition: int, counts: Mapping[str, tuple[int, bool]], server_id: str
    ) -> dict[str, int]:
        keys = [self._keys.subscribers(partition, server_id), self._keys.subscribers(partition)]
        arguments: list[Any] = [self._publish, self._keys.topic_prefix(partition)]
        arguments.append(pack(Envelope(b"", time.time())))
        for channel, (number, tell) in counts.items():
            arguments += (channel, number, int(tell))
        execute = self._commands.execute
        totals, occupied = COUNT.run(execute, [*keys, *self._left(partition)], arguments)
        for channel in occupied:
            if self._told.arrived is not None:
                self._told.arrived(channel.decode(), "")
        return dict(zip(counts, totals, strict=True))

    def _each(self, command: str, keys: Iterable[str]) -> list[Any]:
        return raise_first(self._commands.execute_each([(command, key) for key in keys]))

    def _users(self, channel: str) -> str:
        return self._keys.presence(channel)[1]

    def _left(self, partition: int) -> list[str]:
        """For webhooks alone, the list of those who have left of late."""
        return [self._keys.left(partition)] if self._told.arrived else []


def _parts(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    return (whole[start : start + PART] for start in range(0, len(whole), PART))
