"""Webhooks of the Pusher protocol: what happens on channels, told to URLs of the app's choice.

Each event is told once over all servers, by whichever made the change in the broker.
That a channel or a member has gone is told only after a few seconds, and not at all if
they come back meanwhile, so that a page's reload makes no noise.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import RedisUnavailable
from .broker import Broker
from .receiver import Patience
from .receiver import Receiver
from .signature import Signer

logger = logging.getLogger("flask_rf.broadcast")

_LOOK = 0.5  # seconds between two looks at who has gone for good


class Webhooks:
    """One process's share; without URLs it does nothing.

    :param dropped: told the channel and why, for each event given up.
    """

    def __init__(
        self,
        urls: tuple[str, ...],
        signer: Signer,
        dropped: Callable[[str, str], None],
        patience: Patience | None = None,
    ) -> None:
        self._signer = signer
        self._receivers = [
            Receiver(url, self._sign, dropped, patience or Patience()) for url in urls
        ]
        self._stopped = threading.Event()

    def start(self, broker: Broker) -> None:
        if self._receivers:
            watch = threading.Thread(
                target=self._watch, args=(broker,), name="rf-webhooks", daemon=True
            )
            watch.start()

    def stop(self) -> None:
        self._stopped.set()
        for receiver in self._receivers:
            receiver.stop()

    def flush(self, seconds: float) -> None:
        """Wait for what is queued to be taken, but not for long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not all(r.idle for r in self._receivers):
            time.sleep(0.02)

    def arrived(self, channel: str, user_id: str) -> None:
        """A channel has its first subscriber, or a presence channel a new user."""
        self._tell_of(channel, user_id, "member_added" if user_id else "channel_occupied")

    def client_event(self, message: bytes, socket_id: str) -> None:
        """:param message: the event as the other clients receive it."""
        if self._receivers:
            fields = json.loads(message)
            self._tell("client_event", **fields, socket_id=socket_id)

    def cache_miss(self, channel: str) -> None:
        """Somebody has joined a cache channel that holds no event."""
        self._tell("cache_miss", channel=channel)

    def _watch(self, broker: Broker) -> None:
        while not self._stopped.wait(_LOOK):
            try:
                for channel, user_id in broker.departed():
                    name = "member_removed" if user_id else "channel_vacated"
                    self._tell_of(channel, user_id, name)
            except RedisUnavailable as error:
                logger.debug("webhooks of departures wait: %s", error)

    def _tell_of(self, channel: str, user_id: str, name: str) -> None:
        if not channel.startswith("#"):  # ours, and users' own
            self._tell(name, channel=channel, **({"user_id": user_id} if user_id else {}))

    def _tell(self, name: str, **facts: Any) -> None:
        for receiver in self._receivers:
            receiver.put({"name": name, **facts})

    def _sign(self, body: bytes) -> dict[str, str]:
        signature = self._signer.body(body)
        return {"X-Pusher-Key": self._signer.key, "X-Pusher-Signature": signature}
