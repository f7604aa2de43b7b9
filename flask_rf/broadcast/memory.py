"""The broker of a single process: a queue and its one reader."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from . import protocol
from .broker import CACHE_TTL
from .broker import ChannelFull
from .broker import Ear
from .broker import GONE_AFTER
from .broker import NOBODY
from .broker import Size
from .broker import Told
from .channel import ONLINE
from .channel import tells_its_size
from .envelope import Envelope
from .envelope import senders
from .history import History
from .history import Position
from .history import Recovered
from .memory_histories import MemoryHistories
from .session import Member

logger = logging.getLogger("flask_rf.broadcast")


class MemoryBroker:
    """Delivers within this process, in the order of publishing.

    :param count_events: whether subscribers are told how many they are.
    :param told: of changes.
    """

    up = True  # there are no other processes

    def __init__(self, count_events: bool = False, told: Told = NOBODY) -> None:
        self._count_events = count_events
        self._told = told
        self._left: dict[tuple[str, str], float] = {}
        self._queue: deque[tuple[str, Envelope]] = deque()
        self._wake = threading.Condition()
        self._members: dict[str, dict[str, Member]] = {}
        self._counts: dict[str, int] = {}
        self._last: dict[str, tuple[float, bytes]] = {}
        self._histories = MemoryHistories()
        self._ear: Ear | None = None
        self._stopped = False

    def start(self, ear: Ear) -> None:
        self._ear = ear
        threading.Thread(target=self._run, name="rf-broker", daemon=True).start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def answers(self) -> bool:
        return True

    def publish(self, events: Sequence[tuple[str, Envelope]]) -> None:
        if self._ear is None:
            return  # no socket has ever been opened here: nobody could hear it
        with self._wake:
            self._queue.extend(events)
            self._wake.notify()

    def keep(self, events: Sequence[tuple[str, Envelope, History]]) -> None:
        with self._wake:
            self.publish([(name, self._histories.add(name, e, h)) for name, e, h in events])

    def recover(self, wanted: Sequence[tuple[str, Position | None]]) -> Sequence[Recovered]:
        with self._wake:
            return [self._histories.since(channel, position) for channel, position in wanted]

    def remember(self, channel: str, payload: bytes) -> None:
        with self._wake:
            now = time.monotonic()
            for name in [n for n, (deadline, _) in self._last.items() if deadline < now]:
                del self._last[name]
            self._last[channel] = (now + CACHE_TTL, payload)

    def remembered(self, channel: str) -> bytes | None:
        deadline, payload = self._last.get(channel, (0.0, b""))
        return payload if deadline > time.monotonic() else None

    def remembered_for(self, channel: str) -> int:
        deadline, _ = self._last.get(channel, (0.0, b""))
        return max(0, round(deadline - time.monotonic()))

    def subscribe(self, channel: str) -> None:
        pass

    def unsubscribe(self, channel: str) -> None:
        pass

    def count(self, channel: str, subscribers: int) -> None:
        with self._wake:
            before = self._counts.pop(channel, 0)
            if bool(before) != bool(subscribers):
                self._note(channel, "", came=bool(subscribers))
            if not subscribers:
                return
            self._counts[channel] = subscribers
            if self._count_events and tells_its_size(channel):
                payload = protocol.subscription_count(channel, subscribers)
                self.publish([(channel, Envelope(payload, time.time()))])

    def occupied(self, prefix: str = "") -> Mapping[str, int]:
        with self._wake:
            return {name: n for name, n in self._counts.items() if name.startswith(prefix)}

    def sizes(self, channels: Sequence[str]) -> list[Size]:
        return [Size(self._counts.get(name, 0), len(self.users(name))) for name in channels]

    def join(self, channel: str, socket_id: str, member: Member, room: int) -> Mapping[str, Any]:
        with self._wake:
            users = self.users(channel)
            first = member.user_id not in users
            if first and len(users) >= room:
                raise ChannelFull
            present = self._members.setdefault(channel, {})
            present[socket_id] = member
            if first:
                self._note(channel, member.user_id, came=True)
                self._told.joined(channel, member.user_id)
                self._announce(channel, socket_id, member, joined=True)
            return {other.user_id: other.info for other in present.values()}

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        with self._wake:
            present = self._members.get(channel, {})
            left = present.pop(socket_id, None)
            if not present:
                self._members.pop(channel, None)
            if left and all(other.user_id != user_id for other in present.values()):
                self._note(channel, user_id, came=False)
                self._told.left(channel, user_id)
                self._announce(channel, socket_id, left, joined=False)

    def introduce(self) -> None:
        pass  # there is nobody else

    def prune(self, is_here: Callable[[str, str], bool]) -> None:
        pass  # nothing is known here but the truth

    def departed(self) -> Collection[tuple[str, str]]:
        with self._wake:
            due = time.monotonic() - GONE_AFTER
            gone = [who for who, left in self._left.items() if left <= due]
            for who in gone:
                del self._left[who]
        return gone

    def users(self, channel: str) -> Collection[str]:
        with self._wake:
            return {member.user_id for member in self._members.get(channel, {}).values()}

    def online(self, user_ids: Sequence[str]) -> list[str]:
        return [user_id for user_id in user_ids if ONLINE + user_id in self._members]

    def _note(self, channel: str, user_id: str, *, came: bool) -> None:
        if self._told.arrived is None:
            return
        back = self._left.pop((channel, user_id), None) is not None
        if not came:
            self._left[channel, user_id] = time.monotonic()
        elif not back:
            self._told.arrived(channel, user_id)

    def _announce(self, channel: str, skip: str, member: Member, *, joined: bool) -> None:
        payload = protocol.presence_change(channel, member.user_id, member.info, joined)
        self.publish([(channel, Envelope(payload, time.time(), skip))])

    def _run(self) -> None:
        assert self._ear is not None
        while True:
            with self._wake:
                while not self._queue and not self._stopped:
                    self._wake.wait()
                burst = list(self._queue)
                self._queue.clear()
            if not burst:
                return
            try:
                self._ear.deliver(burst)
            except Exception:  # whatever it is: without this thread nothing is heard
                logger.exception(
                    "an event could not be delivered (of request %s); those to come are",
                    senders(envelope for _, envelope in burst),
                )
