"""The broker between processes: Redis Pub/Sub for events, hashes for presence."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

from redis.exceptions import RedisError

from ..errors import RedisUnavailable
from ..redis import RedisServer
from ..redis import unavailable
from . import protocol
from .broker import Arrived
from .broker import CACHE_TTL
from .broker import ChannelFull
from .broker import Deliver
from .broker import GONE_AFTER
from .broker import LinkChanged
from .broker import Size
from .channel import ONLINE
from .envelope import Envelope
from .envelope import pack
from .listener import Listener
from .session import Member
from .tally import Tally

logger = logging.getLogger("flask_rf.broadcast")

HEARTBEAT = 5.0  # seconds between signs of life of one server
DEAD_AFTER = 15  # seconds of silence after which a server's members are gone


class RedisBroker:
    """One per app and process.

    :param server: for commands.
    :param listening: the same Redis, for the connection that waits.
    :param base: begins every key and topic: namespace and app id.
    :param count_events: whether subscribers are told how many they are.
    :param arrived: told of changes that this process has made, for webhooks.
    :param asked: told how many seconds a question to Redis took.
    """

    def __init__(
        self,
        server: RedisServer,
        listening: RedisServer,
        base: str,
        count_events: bool = False,
        arrived: Arrived | None = None,
        asked: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._asked = asked
        self._server = server
        self._listening = listening
        self._topics = f"{base}:events:"
        self._keys = f"{{{base}}}:presence"  # a hash tag: one Cluster slot for the scripts
        self._last = f"{base}:last:"
        self._id = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._count_events = count_events
        self._arrived = arrived
        self._left_key = [f"{self._keys}:left"] if arrived else []
        self._listener: Listener | None = None
        self._tally: Tally | None = None
        self._link_changed: LinkChanged = lambda up: None
        self._stopped = threading.Event()
        self._scripts: dict[str, Any] = {}

    @property
    def up(self) -> bool:
        return self._listener is not None and self._listener.up

    def start(self, deliver: Deliver, link_changed: LinkChanged) -> None:
        self._link_changed = link_changed
        self._tally = Tally(self._write_counts, self._count_events)
        self._listener = Listener(self._listening, self._topics, deliver, link_changed)
        threading.Thread(target=self._live, name="rf-heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if self._listener is not None:
            self._listener.stop()
        if self._tally is not None:
            self._tally.stop()
        self._server.close()
        self._listening.close()

    def answers(self) -> bool:
        try:
            return bool(self._server.client.ping())
        except (RedisError, OSError):
            return False

    def publish(self, events: Sequence[tuple[str, Envelope]]) -> None:
        with self._asking("publishing"):
            client = self._server.client
            if len(events) == 1:
                client.publish(self._topics + events[0][0], pack(events[0][1]))
                return
            pipeline = client.pipeline(transaction=False)
            for channel, envelope in events:
                pipeline.publish(self._topics + channel, pack(envelope))
            pipeline.execute()

    def remember(self, channel: str, payload: bytes) -> None:
        with self._asking("remembering an event"):
            self._server.client.set(self._last + channel, payload, ex=CACHE_TTL)

    def remembered(self, channel: str) -> bytes | None:
        with self._asking("remembering an event"):
            payload: Any = self._server.client.get(self._last + channel)
            return payload if payload is None else bytes(payload)

    def remembered_for(self, channel: str) -> int:
        with self._asking("remembering an event"):
            return max(0, self._server.client.ttl(self._last + channel))

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
        with self._asking("listing channels"):
            totals: Any = self._server.client.hgetall(f"{self._keys}:subscribers")
        names = {name.decode(): int(total) for name, total in totals.items()}
        return {name: total for name, total in names.items() if name.startswith(prefix)}

    def sizes(self, channels: Sequence[str]) -> list[Size]:
        with self._asking("listing channels"):
            pipeline: Any = self._server.client.pipeline(transaction=False)
            for channel in channels:
                pipeline.hget(f"{self._keys}:subscribers", channel)
                pipeline.hlen(self._presence_keys(channel)[1])
            answers = iter(pipeline.execute())
        return [Size(int(total or 0), users) for total, users in zip(answers, answers, strict=True)]

    def join(self, channel: str, socket_id: str, member: Member, room: int) -> Mapping[str, Any]:
        payload = protocol.presence_change(channel, member.user_id, member.info, joined=True)
        flat = self._run(
            "join",
            self._presence_keys(channel),
            [
                socket_id,
                member.user_id,
                protocol.compact(member.info),
                f"{socket_id} {channel}",
                self._topics + channel,
                pack(Envelope(payload, time.time(), socket_id)),
                room,
                f"{channel} {member.user_id}",
            ],
        )
        if flat is None:
            raise ChannelFull
        if flat[0] and self._arrived is not None:
            self._arrived(channel, member.user_id)
        users = zip(flat[1::2], flat[2::2], strict=True)
        return {user.decode(): json.loads(info) for user, info in users}

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        self._leave(self._id, channel, socket_id, user_id)

    def departed(self) -> Collection[tuple[str, str]]:
        gone = self._run("gone", self._left_key, [GONE_AFTER]) if self._left_key else []
        return [(name, user) for name, _, user in (g.decode().partition(" ") for g in gone)]

    def users(self, channel: str) -> Collection[str]:
        with self._asking("presence"):
            found: Any = self._server.client.hkeys(self._presence_keys(channel)[1])
        return {user_id.decode() for user_id in found}

    def online(self, user_ids: Sequence[str]) -> list[str]:
        with self._asking("presence"):
            pipeline: Any = self._server.client.pipeline(transaction=False)
            for user_id in user_ids:
                pipeline.exists(self._presence_keys(ONLINE + user_id)[1])
            answers = pipeline.execute()
        return [user_id for user_id, there in zip(user_ids, answers, strict=True) if there]

    def _write_counts(
        self, counts: Mapping[str, tuple[int, bool]], server_id: str = ""
    ) -> Mapping[str, int]:
        own = f"{self._keys}:subscribers:{server_id or self._id}"
        header = pack(Envelope(b"", time.time()))
        triples = [x for name, (number, tell) in counts.items() for x in (name, number, int(tell))]
        keys = [own, f"{self._keys}:subscribers", *self._left_key]
        totals, occupied = self._run("count", keys, [self._topics, header, *triples])
        for name in occupied:
            if self._arrived is not None:
                self._arrived(name.decode(), "")
        return dict(zip(counts, totals, strict=True))

    def _leave(self, server_id: str, channel: str, socket_id: str, user_id: str) -> None:
        payload = protocol.presence_change(channel, user_id, None, joined=False)
        self._run(
            "leave",
            self._presence_keys(channel, server_id),
            [
                socket_id,
                user_id,
                f"{socket_id} {channel}",
                self._topics + channel,
                pack(Envelope(payload, time.time(), socket_id)),
                f"{channel} {user_id}",
            ],
        )

    def _presence_keys(self, channel: str, server_id: str = "") -> list[str]:
        keys = [f"{self._keys}:{part}:{channel}" for part in ("sockets", "users", "counts")]
        return [*keys, self._entries_key(server_id or self._id), *self._left_key]

    def _entries_key(self, server_id: str) -> str:
        return f"{self._keys}:server:{server_id}"

    def _run(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        with self._asking("presence"):
            if name not in self._scripts:
                source = resources.files(__package__).joinpath(f"{name}.lua").read_text()
                self._scripts[name] = self._server.client.register_script(source)
            return self._scripts[name](keys=keys, args=arguments)

    @contextmanager
    def _asking(self, operation: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with _naming(operation):
                yield
        finally:
            self._asked(time.perf_counter() - started)

    def _live(self) -> None:
        introduced = False
        while not self._stopped.is_set():
            try:
                introduced = self._show_life(introduced)
            except (RedisUnavailable, RedisError, OSError) as error:
                logger.debug("no heartbeat: %s", error)
            self._stopped.wait(HEARTBEAT)

    def _show_life(self, introduced: bool) -> bool:
        unknown, dead = self._run("heartbeat", [f"{self._keys}:servers"], [self._id, DEAD_AFTER])
        if unknown and introduced:
            self._state_anew()  # Redis lost everything, or others took us for dead
        for server_id in dead:
            self._bury(server_id.decode())
        return True

    def _state_anew(self) -> None:
        if self._tally is not None:
            self._tally.write_again()
        if self.up:
            self._link_changed(True)

    def _bury(self, server_id: str) -> None:
        """Take a dead server's members off their channels; harmless if others do so too."""
        client: Any = self._server.client
        entries = client.smembers(self._entries_key(server_id))
        for entry in entries:
            socket_id, _, channel = entry.decode().partition(" ")
            user_id = client.hget(self._presence_keys(channel)[0], socket_id)
            self._leave(server_id, channel, socket_id, user_id.decode() if user_id else "")
        channels = client.hkeys(f"{self._keys}:subscribers:{server_id}")
        if channels:
            self._write_counts({name.decode(): (0, True) for name in channels}, server_id)
        client.zrem(f"{self._keys}:servers", server_id)
        if entries:
            logger.info("a server died; %d of its presence entries were removed", len(entries))


@contextmanager
def _naming(operation: str) -> Iterator[None]:
    """Turns redis-py's errors into ours."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise unavailable(operation, error) from error
