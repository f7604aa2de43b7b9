"""Tells whoever listens what happens to sockets and events."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from ..signals import event_dropped
from ..signals import event_published
from ..signals import events_delivered
from ..signals import member_joined
from ..signals import member_left
from ..signals import message_received
from ..signals import socket_closed
from ..signals import socket_opened
from ..signals import store_down
from ..signals import store_up
from ..signals import tell
from .envelope import Envelope

logger = logging.getLogger("flask_rf.broadcast")


class Announce:
    """Sends the signals of one app's broadcasting in one process.

    :param app: their sender.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lost_at: float | None = None
        self._losing = False
        self._changing = threading.Lock()

    def opened(self, socket_id: str) -> None:
        tell(socket_opened, self._app, socket_id=socket_id)

    def closed(self, socket_id: str) -> None:
        tell(socket_closed, self._app, socket_id=socket_id)

    def joined(self, channel: str, user_id: str) -> None:
        if not channel.startswith("#"):  # ours, and users' own
            tell(member_joined, self._app, channel=channel, user_id=user_id)

    def left(self, channel: str, user_id: str) -> None:
        if not channel.startswith("#"):
            tell(member_left, self._app, channel=channel, user_id=user_id)

    def received(self, socket_id: str) -> None:
        if message_received.receivers:
            tell(message_received, self._app, socket_id=socket_id)

    def published(self, channel: str, event: str, envelope: Envelope) -> None:
        self._taken()
        facts = {"size": len(envelope.payload), "request_id": envelope.request_id}
        tell(event_published, self._app, channel=channel, event=event, **facts)

    def delivered(self, events: Iterable[Envelope], messages: int) -> None:
        """:param messages: written to sockets, all together."""
        if events_delivered.receivers:
            now, events = time.time(), list(events)
            # Another machine's clock may be ahead.
            delays = [max(0.0, now - event.sent) for event in events]
            ids = [event.request_id for event in events]
            facts = {"messages": messages, "delays": delays, "request_ids": ids}
            tell(events_delivered, self._app, **facts)

    def unpublished(self, channel: str, reason: str, request_id: str) -> None:
        self._dropped("unpublished", channel, reason, request_id)

    def lost(self, channel: str, reason: str) -> None:
        """An event is given up that its sender lets be lost: said once per outage."""
        with self._changing:
            first, self._losing = not self._losing, True
        if first:
            logger.warning(
                "an event for %r was dropped (%s), and so are others until Redis takes them",
                channel,
                reason,
            )

    def slow_reader(self) -> None:
        self._dropped("slow_reader", "", "slow reader")

    def webhook_dropped(self, channel: str, reason: str) -> None:
        self._dropped("webhook", channel, reason)

    def _dropped(self, kind: str, channel: str, reason: str, request_id: str = "") -> None:
        facts = {"kind": kind, "reason": reason, "request_id": request_id}
        tell(event_dropped, self._app, channel=channel, **facts)

    def _taken(self) -> None:
        if self._losing:
            self._losing = False
            logger.info("Redis takes events again")

    def link(self, up: bool) -> None:
        """The other processes are heard, or are not."""
        if up and self._lost_at is not None:
            outage, self._lost_at = time.monotonic() - self._lost_at, None
            tell(store_up, self._app, feature="broadcast", outage=outage)
        elif not up and self._lost_at is None:
            self._lost_at = time.monotonic()
            reason = "its subscriber connection is down"
            tell(store_down, self._app, feature="broadcast", reason=reason)
