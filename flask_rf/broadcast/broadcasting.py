"""Broadcasting as compiled for one app."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

from ..errors import BroadcastError
from ..errors import ConfigurationError
from ..errors import RedisUnavailable
from ..redis import namespace
from ..redis import RedisOptions
from ..redis import RedisServer
from ..redis.announced import Announced
from ..redis.sender import commands_to
from ..settings import resolve
from . import protocol
from .announce import Announce
from .authorization import Authorizer
from .authorization import Denied
from .broker import Broker
from .broker import Told
from .channel import Channel
from .channel import InvalidChannel
from .channel import parse_channel
from .encryption import seal
from .envelope import Envelope
from .fake import Fakes
from .gate import Gate
from .history import Histories
from .memory import MemoryBroker
from .options import BroadcastOptions
from .overview import Overview
from .server import Server
from .signature import Signer
from .webhooks import Webhooks

_LAST_WEBHOOKS = 0.5  # seconds a stopping process waits for webhooks to be taken

#: Whether an origin may use a path.
OriginPolicy = Callable[[str, str], bool]


class Broadcasting:
    """One app's keys, rules and publisher; its live side is made in each process.

    :ivar request_id: gives the id of the current request, or "".
    :ivar overview: for operators.
    """

    def __init__(
        self,
        app: Flask,
        options: BroadcastOptions,
        authorizer: Authorizer,
        histories: Histories,
    ) -> None:
        self.options = options
        self.authorizer = authorizer
        self._histories = histories
        self.signer = Signer(options.app_key, options.secrets_for(app))
        self.overview = Overview(self)
        self._guards: dict[str, Callable[[], bool]] = {}
        self._origin_policies: list[OriginPolicy] = []
        self.request_id: Callable[[], str] = lambda: ""
        self.fakes = Fakes()
        self._app = app
        self._announce = Announce(app)
        self._base = f"{namespace(app)}:{options.app_id}"
        self._redis = resolve(app, RedisOptions)
        self._servers: dict[int, Server] = {}  # by process: a fork never sees its parent's

    def guard(self, channel: str, admits: Callable[[], bool]) -> None:
        """Let another feature decide, instead of the app's callbacks, who may join its channel.

        :param admits: called in the request that asks for leave to join.
        """
        self._guards[channel] = admits

    def decide(self, channel: Channel) -> Any:
        """Whether whoever asks in the current request may join a channel; or the user's info.

        :raises Denied: no.
        """
        admits = self._guards.get(channel.name)
        if admits is None:
            return self.authorizer.decide(self._app, channel)
        if not admits():
            raise Denied(f"the feature that owns {channel.name!r} said no")
        return True

    def trust_origins(self, policy: OriginPolicy) -> None:
        """Let pages open sockets from the origins another policy allows, too."""
        self._origin_policies.append(policy)

    def allows_origin(self, origin: str, path: str) -> bool:
        """Whether a page of another site may open a socket at ``path``."""
        return origin in self.options.origins or any(
            allows(origin, path) for allows in self._origin_policies
        )

    def start(self, workers: int) -> None:
        """:raises ConfigurationError: several workers, each with an audience of its own."""
        if workers > 1 and not self.options.between_processes:
            raise ConfigurationError(
                "BROADCAST_BACKEND",
                "memory",
                f"{workers} workers would each reach only their own sockets; "
                "set REDIS_URL, or run one worker",
            )

    def stop(self, window: float) -> None:
        """Tell every socket of this process to come back elsewhere."""
        server = self._servers.get(os.getpid())
        if server is not None:
            server.say_goodbye(window)
            server.webhooks.flush(_LAST_WEBHOOKS)

    def listens(self) -> bool:
        """Whether this process has sockets that other processes' events must reach."""
        server = self._servers.get(os.getpid())
        return server is not None and server.started

    def check(self) -> bool | dict[str, str]:
        """For health: deaf beside a Redis that answers is a failure, without Redis a warning."""
        broker = self.server.broker
        if broker.up or broker.answers():
            return broker.up
        return {"status": "warn", "output": "Redis does not answer; other servers are not heard"}

    @property
    def server(self) -> Server:
        """This process's live side, one however many threads ask for it at once."""
        pid = os.getpid()
        server = self._servers.get(pid)
        if server is None:
            made = self._make_server()
            server = self._servers.setdefault(pid, made)
            if server is made:
                atexit.register(self._stop_in, pid)
        return server

    def _stop_in(self, pid: int) -> None:
        if pid == os.getpid():  # a fork has its parent's functions to call, but not its threads
            self._servers[pid].stop()

    def publish(
        self, channels: tuple[str, ...], event: str, data: Any, skip: str, on_error: str
    ) -> None:
        """See :meth:`.publisher.Audience.send`."""
        if on_error not in ("raise", "drop"):
            raise ValueError(f"on_error is raise or drop, not {on_error!r}")
        text = self._check(channels, event, data)
        channels = tuple(dict.fromkeys(channels))  # as the HTTP API does: one event for each
        messages = [(name, self._message(name, event, text)) for name in channels]
        self._publish(messages, event, text, skip, on_error)

    def publish_text(self, channels: tuple[str, ...], event: str, text: str, skip: str) -> None:
        """Publish what a server SDK has written, and sealed where its channel is encrypted.

        :param text: the event's data as clients are to receive it.
        :raises BroadcastError: Redis did not take it.
        """
        messages = [(name, protocol.encode(event, text, name)) for name in channels]
        self._publish(messages, event, text, skip, "raise")

    def _publish(
        self, messages: list[tuple[str, bytes]], event: str, text: str, skip: str, on_error: str
    ) -> None:
        channels = tuple(name for name, _ in messages)
        now, request_id = time.time(), self.request_id()
        events = [(name, Envelope(message, now, skip, request_id)) for name, message in messages]
        fake = self.fakes.innermost
        if fake is not None:
            fake.record(channels, event, text, skip)
            return
        broker = self.server.broker
        try:
            # First, or who joins between the two would neither be told nor hear of it.
            for name, envelope in events:
                if parse_channel(name).cached:
                    broker.remember(name, envelope.payload)
            self._hand_over(broker, events)
        except RedisUnavailable as error:
            self._announce.unpublished(channels[0], error.reason, request_id)
            if on_error == "drop":
                self._announce.lost(channels[0], error.reason)
                return
            raise BroadcastError(channels[0], event, error.reason) from error
        for name, envelope in events:
            self._announce.published(name, event, envelope)

    def _hand_over(self, broker: Broker, events: list[tuple[str, Envelope]]) -> None:
        kept = [(name, e, h) for name, e in events if (h := self._histories.of(name)) is not None]
        fleeting = [(name, e) for name, e in events if self._histories.of(name) is None]
        if fleeting:
            broker.publish(fleeting)
        if kept:
            broker.keep(kept)

    def _message(self, channel: str, event: str, text: str) -> bytes:
        key = self.options.encryption_key
        if parse_channel(channel).encrypted:
            if key is None:
                raise BroadcastError(channel, event, "set BROADCAST_ENCRYPTION_KEY for this")
            text = seal(key, channel, text)
        return protocol.encode(event, text, channel)

    def _check(self, channels: tuple[str, ...], event: str, data: Any) -> str:
        try:
            for name in channels:
                parse_channel(name)
        except InvalidChannel as error:
            raise BroadcastError(str(channels[0]), event, str(error)) from None
        fault = protocol.event_fault(event)
        if fault is not None:
            raise BroadcastError(channels[0], str(event), fault)
        text = self._write(channels[0], event, {} if data is None else data)
        size = len(text.encode("utf-8", "replace"))
        if size > self.options.max_event:
            reason = f"{size} bytes are more than BROADCAST_MAX_EVENT={self.options.max_event}"
            raise BroadcastError(channels[0], event, reason)
        return text

    def _write(self, channel: str, event: str, data: Any) -> str:
        try:
            # Browsers know no NaN: they would drop the whole event.
            return self._app.json.dumps(data, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BroadcastError(channel, event, f"its data is no JSON: {error}") from error

    def _make_server(self) -> Server:
        webhooks = Webhooks(self.options.webhooks, self.signer, self._announce.webhook_dropped)
        arrived = webhooks.arrived if self.options.webhooks else None
        told = Told(self._announce.joined, self._announce.left, arrived)
        return Server(
            self._make_broker(told),
            self.signer,
            self.options.rules(),
            Gate(self.options),
            self.options.activity_timeout,
            self._announce,
            webhooks,
            self._histories,
            self.options.max_queue // 2,
        )

    def _make_broker(self, told: Told) -> Broker:
        url = self.options.redis_url
        if url is None or not self.options.between_processes:
            return MemoryBroker(self.options.subscription_count, told)
        from .redis import RedisBroker

        way = commands_to(url, self._redis, self._redis.timeout)
        commands = Announced(way, self._app, "broadcast")
        # RESP2: messages then arrive as replies, in line with the rest.
        listening = RedisServer(url, self._redis, health_check_interval=0)
        counts = self.options.subscription_count
        return RedisBroker(commands, listening, self._base, counts, told)
