from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import pytest

from flask_rf.broadcast.channel import parse_channel
from flask_rf.broadcast.history import Histories
from flask_rf.broadcast.history import Position
from flask_rf.broadcast.history import Recovered
from flask_rf.broadcast.history import Since
from flask_rf.broadcast.hub import Hub
from flask_rf.broadcast.memory import MemoryBroker
from flask_rf.broadcast.placement import Placement
from flask_rf.broadcast.residence import Residence
from flask_rf.broadcast.session import Member
from flask_rf.broadcast.session import Rules
from flask_rf.broadcast.session import Session
from flask_rf.broadcast.signature import Signer
from flask_rf.broadcast.webhooks import Webhooks
from flask_rf.errors import RedisUnavailable

ROOM = "presence-room"


class Outage(MemoryBroker):
    """A back end that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = True
        self.meanwhile: Callable[[], None] = lambda: None  # happens while a history is read
        self.asked: list[str] = []

    def _look(self) -> None:
        if self.away:
            raise RedisUnavailable("anything", "it is away")

    def recover(self, wanted: Sequence[tuple[str, Position | None]]) -> Sequence[Recovered]:
        self._look()
        self.meanwhile()
        return super().recover(wanted)

    def introduce(self) -> None:
        self.asked.append("introduce")

    def join(self, channel: str, socket_id: str, member: Member, room: int) -> Mapping[str, Any]:
        self._look()
        self.asked.append("join")
        return super().join(channel, socket_id, member, room)

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        self._look()
        super().leave(channel, socket_id, user_id)


class Resident:
    def __init__(self, socket_id: str) -> None:
        self.socket_id = socket_id
        self.session = Session(socket_id, Signer("key", ("secret",)), Rules())

    def push(self, frames: bytes) -> None:
        pass

    def say(self, message: bytes) -> None:
        pass


class House:
    """A residence, and its connections."""

    def __init__(self) -> None:
        self.broker, self.hub = Outage(), Hub()
        hub, histories = self.hub, Histories()
        histories.declare("log", 10, 60)
        self.connections: dict[str, Resident] = {}
        placement = Placement(self.broker, hub, histories, 1000)
        webhooks = Webhooks((), Signer("key", ("secret",)), lambda channel, why: None)
        self.residence = Residence(self.broker, hub, self.connections, Rules(), webhooks, placement)

    def come(
        self, name: str, socket_id: str, member: Member | None = None, since: Since | None = None
    ) -> Resident:
        resident = self.connections[socket_id] = Resident(socket_id)
        resident.session.subscriptions[name] = member
        self.residence.join(resident, parse_channel(name), member, since)
        return resident

    def go(self, resident: Resident) -> None:
        del self.connections[resident.socket_id]
        self.residence.leave_all(resident)


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize("since", [None, Since(Position("e", 1))])
def test_who_came_and_went_during_an_outage_is_not_kept_till_its_end(
    house: House, since: Since | None
) -> None:
    resident = house.come("log", "1.1", since=since)
    house.go(resident)
    gone = weakref.ref(resident)
    del resident
    gc.collect()

    assert gone() is None


def test_of_a_long_outage_only_so_much_is_remembered_and_who_is_there_is_stated_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_rf.broadcast.residence._MAX_UNTOLD", 5)
    house.come(ROOM, "1.1", Member("ann"))
    for n in range(100):
        house.go(house.come(ROOM, f"2.{n}", Member(f"guest-{n}")))
    kept = house.residence._untold
    assert len(kept) <= 5

    house.broker.away = False
    house.residence.tell_untold()

    assert house.broker.users(ROOM) == {"ann"}


def test_a_process_is_introduced_before_its_members_are_stated_anew(house: House) -> None:
    house.broker.away = False
    house.come(ROOM, "1.1", Member("ann"))
    house.broker.asked.clear()
    house.residence.enter_all_again()
    assert house.broker.asked == ["introduce", "join"]


DIARY = "presence-log"


@pytest.fixture
def waiting(house: House) -> Resident:
    """One who waits for a history to be read, and the history can be read again."""
    resident = house.come(DIARY, "1.1", Member("ann"), Since(Position("e", 1)))
    house.broker.away = False
    return resident


def test_who_leaves_while_being_let_in_late_is_not_present(house: House, waiting: Resident) -> None:
    house.broker.meanwhile = lambda: house.residence.leave(waiting, DIARY)
    house.residence.join_deferred()
    assert house.broker.users(DIARY) == set()


def test_who_is_gone_while_being_let_in_late_is_not_present(
    house: House, waiting: Resident
) -> None:
    house.broker.meanwhile = lambda: house.go(waiting)
    house.residence.join_deferred()
    assert house.broker.users(DIARY) == set()


def test_who_is_gone_while_being_turned_away_late_makes_no_trouble(
    house: House, waiting: Resident
) -> None:
    for n in range(Rules().members):
        house.broker.join(DIARY, f"2.{n}", Member(f"guest-{n}"), 1000)
    house.broker.meanwhile = lambda: house.go(waiting)
    house.residence.join_deferred()
    assert "ann" not in house.broker.users(DIARY)


def test_the_last_count_is_of_all_who_are_there(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.broker.away = False
    size, looked, both_counted = house.hub.size, threading.Event(), threading.Event()

    def size_of_a_thread_that_is_held_up(channel: str) -> int:
        found = size(channel)
        if not looked.is_set():
            looked.set()
            both_counted.wait(0.5)
        return found

    monkeypatch.setattr(house.hub, "size", size_of_a_thread_that_is_held_up)
    first = threading.Thread(target=house.come, args=("chat", "1.1"))
    first.start()
    looked.wait(30)
    house.come("chat", "1.2")
    both_counted.set()
    first.join()
    assert house.broker.occupied() == {"chat": 2}
