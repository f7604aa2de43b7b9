"""What an operator sees of one app's broadcasting, and how the operator is told."""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING

from . import protocol
from .envelope import Envelope

if TYPE_CHECKING:
    from .broadcasting import Broadcasting


class Overview:
    """Looks at a broadcasting from beside it: nothing it does is announced or counted."""

    def __init__(self, broadcasting: Broadcasting) -> None:
        self._broadcasting = broadcasting

    def connections(self) -> int:
        """How many sockets this process has."""
        broadcasting = self._broadcasting
        return len(broadcasting.server.connections) if broadcasting.listens() else 0

    def subscribers(self, channel: str) -> int:
        """How many sockets are on a channel, on all servers.

        :raises RedisUnavailable: the others' are not known.
        """
        return self._broadcasting.server.broker.sizes([channel])[0].subscriptions

    def busiest(self, most: int) -> tuple[int, list[tuple[str, int, int]]]:
        """How many channels this process's sockets are on, and the largest of them: name,
        subscriptions and users on all servers.

        :raises RedisUnavailable: the others' are not known.
        """
        server = self._broadcasting.server
        sizes = {name: n for name, n in server.hub.sizes().items() if not name.startswith("#")}
        names = heapq.nlargest(most, sizes, key=lambda name: sizes[name])
        found = server.broker.sizes(names) if names else []
        return len(sizes), [(name, *size) for name, size in zip(names, found, strict=True)]

    def tell(self, channel: str, event: str, text: str) -> None:
        """Publish an event.

        :param text: its data, JSON already.
        :raises RedisUnavailable: it was not sent.
        """
        message = protocol.encode(event, text, channel)
        self._broadcasting.server.broker.publish([(channel, Envelope(message, time.time()))])
