"""Who is on which channel, over all servers: each change is one script, which announces it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
            [*self._keys.presence(channel, self._id), *self._left(channel)],
            [
                socket_id,
                member.user_id,
                protocol.compact(member.info),
                f"{socket_id} {channel}",
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

    def leave(self, channel: str, socket_id: str, user_id: str, server_id: str = "") -> None:
        """See :meth:`~..broker.Broker.leave`.

        :param server_id: of the server whose socket it was; this one by default.
        """
        payload = protocol.presence_change(channel, user_id, None, joined=False)
        last = LEAVE.run(
            self._commands.execute,
            [*self._keys.presence(channel, server_id or self._id), *self._left(channel)],
            [
                socket_id,
                user_id,
                f"{socket_id} {channel}",
                self._publish,
                self._keys.topic(channel),
                pack(Envelope(payload, time.time(), socket_id)),
                f"{channel} {user_id}",
            ],
        )
        if last:
            self._told.left(channel, user_id)

    def write_counts(
        self, counts: Mapping[str, tuple[int, bool]], server_id: str = ""
    ) -> Mapping[str, int]:
        """Write how many subscribe here, and whether subscribers are told; returns the totals.

        :param server_id: the server that the counts are of; this one by default.
        """
        header = pack(Envelope(b"", time.time()))
        totals: dict[str, int] = {}
        for partition, channels in self._keys.by_partition(counts).items():
            own = self._keys.subscribers(partition, server_id or self._id)
            keys = [own, self._keys.subscribers(partition), *self._left(channels[0])]
            arguments: list[Any] = [self._publish, self._keys.topic_prefix(partition), header]
            for channel in channels:
                number, tell = counts[channel]
                arguments += (channel, number, int(tell))
            found, occupied = COUNT.run(self._commands.execute, keys, arguments)
            totals.update(zip(channels, found, strict=True))
            for channel in occupied:
                if self._told.arrived is not None:
                    self._told.arrived(channel.decode(), "")
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

    def bury(self, server_id: str) -> int:
        """Take a dead server's members and counts off; harmless if others do so too.

        :return: how many entries it had.
        """
        entries = self._entries(server_id)
        for entry in entries:
            self._remove(entry, server_id)
        counted = self._each(
            "HKEYS", (self._keys.subscribers(p, server_id) for p in self._keys.partitions)
        )
        names = [name.decode() for of_partition in counted for name in of_partition]
        if names:
            tells = self._count_events
            counts = {name: (0, tells and tells_its_size(name)) for name in names}
            self.write_counts(counts, server_id)
        return len(entries)

    def prune(self, is_here: Callable[[str, str], bool]) -> None:
        """See :meth:`~..broker.Broker.prune`."""
        for entry in self._entries(self._id):
            socket_id, _, channel = entry.partition(" ")
            if not is_here(socket_id, channel):
                self._remove(entry, self._id)

    def _entries(self, server_id: str) -> list[str]:
        found = self._each(
            "SMEMBERS", (self._keys.entries(p, server_id) for p in self._keys.partitions)
        )
        return [entry.decode() for of_partition in found for entry in of_partition]

    def _remove(self, entry: str, server_id: str) -> None:
        socket_id, _, channel = entry.partition(" ")
        sockets, *_ = self._keys.presence(channel, server_id)
        user_id = self._commands.execute("HGET", sockets, socket_id)
        self.leave(channel, socket_id, user_id.decode() if user_id else "", server_id)

    def _each(self, command: str, keys: Iterable[str]) -> list[Any]:
        return raise_first(self._commands.execute_each([(command, key) for key in keys]))

    def _users(self, channel: str) -> str:
        return self._keys.presence(channel, self._id)[1]

    def _left(self, channel: str) -> list[str]:
        """For webhooks alone, the list of those who have left of late."""
        return [self._keys.left(self._keys.partition(channel))] if self._told.arrived else []
