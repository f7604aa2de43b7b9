"""One subscriber connection to Redis, supervised: it is watched, replaced and subscribed anew."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError

from ... import jitter
from ...redis import own_connection
from ...redis import RedisServer
from ..broker import Ear
from ..envelope import BadEnvelope
from ..envelope import Envelope
from ..envelope import senders
from ..envelope import unpack
from .keys import Keyspace

logger = logging.getLogger("flask_rf.broadcast")

_TICK = 1.0  # seconds between housekeeping on a silent connection
_PING_AFTER = 2.0  # seconds of silence before a PING
_DEAD_AFTER = 4.0  # seconds of silence after which the connection counts as lost
_BACKOFF_CAP = 1.0  # longest pause between two attempts: back within 3 s of Redis's return
_LINGER = 5.0  # seconds an unused subscription is kept, for reloads and reconnects
_BURST = 512  # messages read before they are passed on

_MESSAGES = (b"message", b"smessage")
_SUBSCRIBED = (b"subscribe", b"ssubscribe")

_CONFIRMATION = 3.0  # seconds a subscriber waits to be sure that it hears everything


@dataclass(frozen=True)
class Source:
    """A server to listen to.

    :param address: for people.
    :param dial: makes a connection, not connected yet.
    :param sharded: it is one of a Cluster's, each of which has its own topics.
    """

    address: str
    dial: Callable[[], Any]
    sharded: bool = False

    @classmethod
    def of(cls, server: RedisServer) -> Source:
        return cls(server.address, lambda: own_connection(server.client))


class Listener:
    """Hears the topics of the channels subscribed to, for as long as the process lives.

    :param ear: all its calls come from one thread.
    :param partition: one whose topics the source has.
    :param channels: to subscribe to from the beginning.
    """

    def __init__(
        self,
        source: Source,
        keys: Keyspace,
        ear: Ear,
        partition: int = 0,
        channels: Iterable[str] = (),
    ) -> None:
        self.up = False
        self._source = source
        self._keys = keys
        self._ear = ear
        self._verb = "S" if source.sharded else ""
        self._unused: dict[bytes, float] = {}
        self._connection: Any = None
        self._probe = f"{keys.topic_prefix(partition)}#probe-{secrets.token_hex(8)}".encode()
        self._probed: float | None = None
        self._probe_heard = 0.0
        self._confirmed = {self._probe: threading.Event()}
        self._confirmed.update({keys.topic(name).encode(): threading.Event() for name in channels})
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._first_attempt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rf-listener", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it is known whether the server can be heard, but not for long."""
        self._first_attempt.wait(_CONFIRMATION)

    def subscribe(self, channel: str) -> None:
        """Hear a channel; returns once Redis has confirmed it, or the link is down."""
        topic = self._keys.topic(channel).encode()
        with self._writing:
            self._unused.pop(topic, None)
            confirmed = self._confirmed.get(topic)
            if confirmed is None:
                confirmed = self._confirmed[topic] = threading.Event()
                self._send(f"{self._verb}SUBSCRIBE", topic)
        if self.up:
            confirmed.wait(_CONFIRMATION)

    def unsubscribe(self, channel: str) -> None:
        with self._writing:
            self._unused[self._keys.topic(channel).encode()] = time.monotonic() + _LINGER

    def probe(self, publish: Callable[[bytes], None]) -> None:
        """Find out whether what is published is heard; a deaf connection is replaced.

        A server may answer and yet not be the one that others publish on: a former primary.

        :param publish: to a topic, the way events are published.
        """
        if self._probed is not None and self._probe_heard < self._probed:
            if time.monotonic() - self._probed < _DEAD_AFTER:
                return
            logger.warning("Redis at %s answers, but passes nothing on", self._source.address)
            self._cut()
        self._probed = None
        if self.up:
            began = time.monotonic()
            publish(self._probe)
            self._probed = began

    def stop(self) -> None:
        self._stopped.set()
        self._cut()

    def join(self, timeout: float) -> None:
        """Wait for its thread to end, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _cut(self) -> None:
        """End the connection; its reader hears of it, and closes it."""
        sock = getattr(self._connection, "_sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        pause = 0.05
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._connect()
                self._listen()
            except Exception as error:  # whatever it is: without this thread nothing is heard
                self._lost(error)
            self._first_attempt.set()
            pause = 0.05 if time.monotonic() - began > _DEAD_AFTER else min(pause * 2, _BACKOFF_CAP)
            self._stopped.wait(pause * jitter.between(0.5, 1.0))
        self._lost(ConnectionError("stopped"))

    def _connect(self) -> None:
        connection = self._source.dial()
        connection.connect()
        with self._writing:
            self._drop_unused(everything=True)
            for event in self._confirmed.values():
                event.clear()
            self._connection = connection
            for topics in _by_tag(self._confirmed):
                connection.send_command(f"{self._verb}SUBSCRIBE", *topics)
            # A PING's answer comes after the confirmations: the link is whole.
            connection.send_command("PING", check_health=False)

    def _listen(self) -> None:
        connection, heard, asked = self._connection, time.monotonic(), 0.0
        while not self._stopped.is_set():
            replies = _read_burst(connection)
            now = time.monotonic()
            if replies:
                heard, asked = now, 0.0
                self._handle(replies)
            elif now - heard > _DEAD_AFTER:
                raise ConnectionError(f"no sign of life for {_DEAD_AFTER:.0f} s")
            elif now - heard > _PING_AFTER and not asked:
                asked = now
                with self._writing:
                    connection.send_command("PING", check_health=False)
            with self._writing:
                self._drop_unused()

    def _handle(self, replies: list[list[Any]]) -> None:
        burst = []
        for reply in replies:
            kind = reply[0]
            if kind in _MESSAGES and reply[1] == self._probe:
                self._probe_heard = time.monotonic()
            elif kind in _MESSAGES:
                event = self._event(reply)
                if event is not None:
                    burst.append(event)
            elif kind in _SUBSCRIBED:
                confirmed = self._confirmed.get(reply[1])
                if confirmed is not None:
                    confirmed.set()
            elif kind == b"sunsubscribe" and reply[1] in self._confirmed:
                raise ConnectionError("a shard has moved to another server")
            elif kind in (b"pong", b"PONG") and not self.up:
                self._found()
        if burst:
            self._pass_on(burst)

    def _event(self, reply: list[Any]) -> tuple[str, Envelope] | None:
        try:
            return self._keys.channel_of(reply[1].decode()), unpack(reply[2])
        except (BadEnvelope, UnicodeDecodeError) as error:
            logger.warning("ignored a message on %r: %s", reply[1], error)
            return None

    def _pass_on(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        try:
            self._ear.deliver(burst)
        except Exception:
            logger.exception(
                "an event could not be delivered (of request %s); listening goes on",
                senders(envelope for _, envelope in burst),
            )

    def _found(self) -> None:
        self.up = True
        self._probed = None  # nobody would have heard it
        logger.info("listening to Redis at %s", self._source.address)
        self._first_attempt.set()
        self._ear.catch_up(self._hears)
        self._ear.link_changed(True)

    def _hears(self, channel: str) -> bool:
        return self._keys.topic(channel).encode() in self._confirmed

    def _lost(self, error: Exception) -> None:
        with self._writing:
            connection, self._connection = self._connection, None
            self._drop_unused()  # however long it is away, what is left unsaid must not pile up
        if connection is not None:
            connection.disconnect()
        first = not self._first_attempt.is_set()
        if (self.up or first) and not self._stopped.is_set():
            self.up = False
            reason = str(error).partition("\n")[0] or type(error).__name__
            logger.warning(
                "lost Redis at %s (%s); trying again until it is back", self._source.address, reason
            )
            try:
                self._ear.link_changed(False)
            except Exception:  # of those who listen to the signal, too
                logger.exception("not everybody could be told; listening goes on")

    def _drop_unused(self, everything: bool = False) -> None:
        now = time.monotonic()
        for topic, deadline in list(self._unused.items()):
            if everything or deadline < now:
                del self._unused[topic]
                if self._confirmed.pop(topic, None) is not None:
                    self._send(f"{self._verb}UNSUBSCRIBE", topic)

    def _send(self, command: str, topic: bytes) -> None:
        """Needs the writing lock. Without a connection, reconnecting says it all again."""
        if self._connection is not None:
            try:
                self._connection.send_command(command, topic, check_health=False)
            except (RedisError, OSError):
                logger.debug("%s failed; the reader will notice", command)


def _read_burst(connection: Any) -> list[list[Any]]:
    """All that has arrived, at most :data:`_BURST`; empty after a silent tick."""
    try:
        replies = [connection.read_response(timeout=_TICK, disconnect_on_error=False)]
    except TimeoutError:
        return []
    # What has arrived, has arrived; the next read meets the end again.
    with suppress(ConnectionLost, TimeoutError):
        while len(replies) < _BURST and connection.can_read(timeout=0):
            replies.append(connection.read_response(timeout=_TICK, disconnect_on_error=False))
    return [reply if isinstance(reply, list) else [reply] for reply in replies]


def _by_tag(topics: Iterable[bytes]) -> Iterable[list[bytes]]:
    """Topics that one command may name, whichever servers a Cluster has."""
    groups: dict[bytes, list[bytes]] = {}
    for topic in topics:
        groups.setdefault(topic.partition(b"}")[0], []).append(topic)
    return groups.values()
