"""Tells whoever listens what happens to sockets and events."""

from __future__ import annotations

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


class Announce:
    """Sends the signals of one app's broadcasting in one process.

    :param app: their sender.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lost_at: float | None = None

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

    def published(self, channel: str, event: str, size: int) -> None:
        tell(event_published, self._app, channel=channel, event=event, size=size)

    def delivered(self, events: Iterable[Envelope], messages: int) -> None:
        """:param messages: written to sockets, all together."""
        if events_delivered.receivers:
            now = time.time()
            # Another machine's clock may be ahead.
            delays = [max(0.0, now - event.sent) for event in events]
            tell(events_delivered, self._app, messages=messages, delays=delays)

    def unpublished(self, channel: str, reason: str) -> None:
        tell(event_dropped, self._app, channel=channel, kind="unpublished", reason=reason)

    def slow_reader(self) -> None:
        tell(event_dropped, self._app, channel="", kind="slow_reader", reason="slow reader")

    def webhook_dropped(self, channel: str, reason: str) -> None:
        tell(event_dropped, self._app, channel=channel, kind="webhook", reason=reason)

    def link(self, up: bool) -> None:
        """The other processes are heard, or are not."""
        if up and self._lost_at is not None:
            outage, self._lost_at = time.monotonic() - self._lost_at, None
            tell(store_up, self._app, feature="broadcast", outage=outage)
        elif not up and self._lost_at is None:
            self._lost_at = time.monotonic()
            reason = "its subscriber connection is down"
            tell(store_down, self._app, feature="broadcast", reason=reason)
