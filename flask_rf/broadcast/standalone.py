"""Broadcasting by itself, for code that has no app: jobs, consumers, other frameworks."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

from ..errors import BroadcastError
from ..errors import RedisUnavailable
from ..redis import RedisOptions
from ..redis import RedisServer
from ..redis.client import SCHEMA
from ..redis.sender import commands_to
from . import protocol
from .broker import Broker
from .channel import Channel
from .channel import InvalidChannel
from .channel import parse_channel
from .envelope import Envelope
from .memory import MemoryBroker
from .session import Member

logger = logging.getLogger("flask_rf.broadcast")

#: Given an event's name and data.
Callback = Callable[[str, Any], object]

_NO_LIMIT = 2**31


class _Broadcaster:
    """Sends events to channels, and hears them by callbacks in this process.

    Make it in the process that uses it, after any fork, and :meth:`close` it at the end.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._id = f"{secrets.randbelow(10**9)}.{secrets.randbelow(10**9)}"
        self._callbacks: dict[str, list[Callback]] = {}
        self._members: dict[str, Member] = {}
        self._changing = threading.Lock()
        self._started = False

    def broadcast(self, channel: str, event: str, data: Any = None) -> None:
        """Publish an event to all subscribers of a channel, here and elsewhere.

        :param event: its name, 1 to 200 characters.
        :param data: anything ``json`` takes.
        :raises BroadcastError: a name outside the rules, data that is no JSON, a channel whose
            events an app would seal, or Redis did not take it.
        """
        try:
            _parse(channel)
            fault = protocol.event_fault(event)
            if fault is not None:
                raise ValueError(fault)
            text = json.dumps({} if data is None else data, allow_nan=False)
            message = protocol.encode(event, text, channel)
            self._broker.publish([(channel, Envelope(message, time.time()))])
        except (TypeError, ValueError) as error:
            raise BroadcastError(str(channel), str(event), str(error)) from error
        except RedisUnavailable as error:
            raise BroadcastError(channel, event, error.reason) from error

    def subscribe(
        self, channel: str, callback: Callback, *, user_id: str | None = None, user_info: Any = None
    ) -> None:
        """Have ``callback(event, data)`` called for each event of a channel.

        :param callback: runs in the thread that hears all events: let it be quick.
        :param user_id: who that is, on a presence channel; others see them come and go. Without
            it one listens unseen.
        :param user_info: any JSON value for the others.
        :raises ValueError: a name outside the rules, or a user where nobody is present.
        :raises RedisUnavailable: nobody can be told that the user has come.
        """
        parsed = _parse(channel)
        if user_id is not None and not parsed.presence:
            raise ValueError(f"{channel!r} has no members: write presence-…, or no user_id")
        with self._changing:
            self._start()
            callbacks = self._callbacks.get(channel, [])
            self._callbacks[channel] = [*callbacks, callback]
            if not callbacks:
                self._broker.subscribe(channel)
                self._broker.count(channel, 1)
            if user_id is not None:
                self._leave(channel)
                self._members[channel] = Member(user_id, user_info)
                self._join(channel)

    def unsubscribe(self, channel: str, callback: Callback | None = None) -> None:
        """Hear a channel no more.

        :param callback: the one that is not to be called; all of the channel by default.
        """
        with self._changing:
            callbacks = self._callbacks.pop(channel, [])
            rest = [one for one in callbacks if callback is not None and one != callback]
            if rest:
                self._callbacks[channel] = rest
            elif callbacks:
                self._broker.unsubscribe(channel)
                self._broker.count(channel, 0)
                self._leave(channel)

    def is_subscribed(self, channel: str) -> bool:
        """Whether a callback hears a channel here."""
        return channel in self._callbacks

    def connections(self, channel: str) -> int:
        """How many subscribe to a channel, everywhere: browsers' sockets, and broadcasters.

        :raises RedisUnavailable: Redis does not tell. It is told of changes twice a second.
        """
        return self._broker.sizes([channel])[0].subscriptions

    def presence(self, channel: str) -> Collection[str]:
        """The ids of the users on a presence channel, everywhere.

        :raises RedisUnavailable: Redis does not tell.
        """
        return self._broker.users(channel)

    def close(self) -> None:
        """Leave all channels and end the connections."""
        for channel in list(self._callbacks):
            try:
                self.unsubscribe(channel)
            except RedisUnavailable as error:
                logger.debug("other servers will notice that this one has gone: %s", error)
        self._broker.stop()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._broker.start(self)

    def _join(self, channel: str) -> None:
        self._broker.join(channel, self._id, self._members[channel], _NO_LIMIT)

    def _leave(self, channel: str) -> None:
        member = self._members.pop(channel, None)
        if member is not None:
            self._broker.leave(channel, self._id, member.user_id)

    # What the broker tells; see broker.Ear.

    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        for channel, envelope in burst:
            for callback in self._callbacks.get(channel, ()):
                message = json.loads(envelope.payload)
                try:
                    callback(message["event"], json.loads(message["data"]))
                except Exception:
                    logger.exception("a callback failed on an event of %s", channel)

    def catch_up(self, concerns: Callable[[str], bool]) -> None:
        """Nothing is kept for who could not hear."""

    def link_changed(self, up: bool) -> None:
        if up and self._members:
            # Not in the listener's thread: it has events to pass on meanwhile.
            threading.Thread(target=self.state_anew, name="rf-restore", daemon=True).start()

    def state_anew(self) -> None:
        with self._changing:
            try:
                self._broker.introduce()
                for channel in self._members:
                    self._join(channel)
            except RedisUnavailable as error:
                logger.debug("presence waits for the next chance: %s", error)


class MemoryBroadcaster(_Broadcaster):
    """Channels within this process; each broadcaster has its own."""

    def __init__(self) -> None:
        super().__init__(MemoryBroker())


class RedisBroadcaster(_Broadcaster):
    """Channels of all processes that use the same Redis; those of an app, too, and its browsers.

    :param url: names the Redis, as ``REDIS_URL`` does.
    :param prefix: begins every key: the app's ``RF_PREFIX``, which is its name by default.
    :param app_id: the app's ``BROADCAST_APP_ID``.
    :param timeout: seconds a command may take.
    """

    def __init__(
        self, url: str, prefix: str = "broadcaster", app_id: str = "1", timeout: float = 0.5
    ) -> None:
        from .redis import RedisBroker

        options = RedisOptions(connect_timeout=timeout, timeout=timeout)
        listening = RedisServer(url, options, health_check_interval=0)
        commands = commands_to(url, options, timeout)
        super().__init__(RedisBroker(commands, listening, f"{prefix}:{SCHEMA}:{app_id}"))


def _parse(name: str) -> Channel:
    channel = parse_channel(name)
    if channel.encrypted:
        raise InvalidChannel(f"events of {name!r} are sealed; only an app has the key")
    return channel
