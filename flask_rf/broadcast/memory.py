"""The broker of a single process: a queue and its one reader."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from . import protocol
from .broker import Deliver
from .broker import LinkChanged
from .envelope import Envelope
from .session import Member


class MemoryBroker:
    """Delivers within this process, in the order of publishing."""

    up = True  # there are no other processes

    def __init__(self) -> None:
        self._queue: deque[tuple[str, Envelope]] = deque()
        self._wake = threading.Condition()
        self._members: dict[str, dict[str, Member]] = {}
        self._deliver: Deliver | None = None
        self._stopped = False

    def start(self, deliver: Deliver, link_changed: LinkChanged) -> None:
        self._deliver = deliver
        threading.Thread(target=self._run, name="rf-broker", daemon=True).start()

    def publish(self, events: Sequence[tuple[str, Envelope]]) -> None:
        if self._deliver is None:
            return  # no socket has ever been opened here: nobody could hear it
        with self._wake:
            self._queue.extend(events)
            self._wake.notify()

    def subscribe(self, channel: str) -> None:
        pass

    def unsubscribe(self, channel: str) -> None:
        pass

    def join(self, channel: str, socket_id: str, member: Member) -> Mapping[str, Any]:
        with self._wake:
            present = self._members.setdefault(channel, {})
            first = all(other.user_id != member.user_id for other in present.values())
            present[socket_id] = member
            if first:
                payload = protocol.member_added(channel, member.user_id, member.info)
                self.publish([(channel, Envelope(payload, time.time(), socket_id))])
            return {other.user_id: other.info for other in present.values()}

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        with self._wake:
            present = self._members.get(channel, {})
            left = present.pop(socket_id, None)
            last = all(other.user_id != user_id for other in present.values())
            if not present:
                self._members.pop(channel, None)
            if left and last:
                payload = protocol.member_removed(channel, user_id)
                self.publish([(channel, Envelope(payload, time.time(), socket_id))])

    def answers(self) -> bool:
        return True

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def _run(self) -> None:
        assert self._deliver is not None
        while True:
            with self._wake:
                while not self._queue and not self._stopped:
                    self._wake.wait()
                burst = list(self._queue)
                self._queue.clear()
            if not burst:
                return
            self._deliver(burst)
