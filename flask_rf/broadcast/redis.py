"""The broker between processes: Redis Pub/Sub for events, hashes for presence."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from importlib import resources
from typing import Any

from redis.exceptions import RedisError

from ..errors import RedisUnavailable
from ..redis import RedisServer
from ..redis import unavailable
from . import protocol
from .broker import Deliver
from .broker import LinkChanged
from .envelope import Envelope
from .envelope import pack
from .listener import Listener
from .session import Member

logger = logging.getLogger("flask_rf.broadcast")

HEARTBEAT = 5.0  # seconds between signs of life of one server
DEAD_AFTER = 15  # seconds of silence after which a server's members are gone


class RedisBroker:
    """One per app and process.

    :param server: for commands.
    :param listening: the same Redis, for the connection that waits.
    :param base: begins every key and topic: namespace and app id.
    """

    def __init__(self, server: RedisServer, listening: RedisServer, base: str) -> None:
        self._server = server
        self._listening = listening
        self._topics = f"{base}:events:"
        self._keys = f"{{{base}}}:presence"  # a hash tag: one Cluster slot for the scripts
        self._id = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._listener: Listener | None = None
        self._link_changed: LinkChanged = lambda up: None
        self._stopped = threading.Event()
        self._scripts: dict[str, Any] = {}

    @property
    def up(self) -> bool:
        return self._listener is not None and self._listener.up

    def start(self, deliver: Deliver, link_changed: LinkChanged) -> None:
        self._link_changed = link_changed
        self._listener = Listener(self._listening, self._topics, deliver, link_changed)
        threading.Thread(target=self._live, name="rf-heartbeat", daemon=True).start()

    def publish(self, events: Sequence[tuple[str, Envelope]]) -> None:
        try:
            client = self._server.client
            if len(events) == 1:
                client.publish(self._topics + events[0][0], pack(events[0][1]))
                return
            pipeline = client.pipeline(transaction=False)
            for channel, envelope in events:
                pipeline.publish(self._topics + channel, pack(envelope))
            pipeline.execute()
        except (RedisError, OSError) as error:
            raise unavailable("publishing", error) from error

    def subscribe(self, channel: str) -> None:
        if self._listener is not None:
            self._listener.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        if self._listener is not None:
            self._listener.unsubscribe(channel)

    def join(self, channel: str, socket_id: str, member: Member) -> Mapping[str, Any]:
        announcement = Envelope(
            protocol.member_added(channel, member.user_id, member.info), time.time(), socket_id
        )
        flat = self._run(
            "join",
            self._presence_keys(channel),
            [
                socket_id,
                member.user_id,
                protocol.compact(member.info),
                f"{socket_id} {channel}",
                self._topics + channel,
                pack(announcement),
            ],
        )
        users = zip(flat[::2], flat[1::2], strict=True)
        return {user.decode(): json.loads(info) for user, info in users}

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        self._leave(self._id, channel, socket_id)

    def answers(self) -> bool:
        try:
            return bool(self._server.client.ping())
        except (RedisError, OSError):
            return False

    def stop(self) -> None:
        self._stopped.set()
        if self._listener is not None:
            self._listener.stop()
        self._server.close()
        self._listening.close()

    def _leave(self, server_id: str, channel: str, socket_id: str) -> None:
        header = pack(Envelope(b"", time.time(), socket_id))
        self._run(
            "leave",
            self._presence_keys(channel, server_id),
            [socket_id, f"{socket_id} {channel}", self._topics + channel, header, channel],
        )

    def _presence_keys(self, channel: str, server_id: str = "") -> list[str]:
        keys = [f"{self._keys}:{part}:{channel}" for part in ("sockets", "users", "counts")]
        return [*keys, self._entries_key(server_id or self._id)]

    def _entries_key(self, server_id: str) -> str:
        return f"{self._keys}:server:{server_id}"

    def _run(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        try:
            if name not in self._scripts:
                source = resources.files(__package__).joinpath(f"{name}.lua").read_text()
                self._scripts[name] = self._server.client.register_script(source)
            return self._scripts[name](keys=keys, args=arguments)
        except (RedisError, OSError) as error:
            raise unavailable("presence", error) from error

    def _live(self) -> None:
        introduced = False
        while not self._stopped.is_set():
            try:
                unknown, dead = self._run(
                    "heartbeat", [f"{self._keys}:servers"], [self._id, DEAD_AFTER]
                )
                if unknown and introduced and self.up:
                    self._link_changed(True)  # taken for dead meanwhile: enter everybody again
                introduced = True
                for server_id in dead:
                    self._bury(server_id.decode())
            except RedisUnavailable as error:
                logger.debug("no heartbeat: %s", error)
            self._stopped.wait(HEARTBEAT)

    def _bury(self, server_id: str) -> None:
        """Take a dead server's members off their channels; harmless if others do so too."""
        try:
            client = self._server.client
            entries: Any = client.smembers(self._entries_key(server_id))
            for entry in entries:
                socket_id, _, channel = entry.decode().partition(" ")
                self._leave(server_id, channel, socket_id)
            client.zrem(f"{self._keys}:servers", server_id)
        except (RedisError, OSError) as error:
            raise unavailable("presence", error) from error
        if entries:
            logger.info("a server died; %d of its presence entries were removed", len(entries))
