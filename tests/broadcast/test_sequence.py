from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.history import Position
from flask_rf.broadcast.history import Recovered
from flask_rf.broadcast.hub import Hub
from flask_rf.broadcast.sequence import Sequencer
from flask_rf.errors import RedisUnavailable


class Book:
    """A history, as Redis has it, and one socket that listens to it."""

    socket_id = "1.1"

    def __init__(self, channel: str = "chat", heard: int = 0) -> None:
        self.epoch = "e"
        self.pages: list[Envelope] = []
        self.lost = self.away = False
        self.asked = 0
        self.heard: list[str] = []
        self.hub = Hub()
        self.hub.add(channel, self)
        self.hub.begin(channel, Position("e", heard))
        self.sequencer = Sequencer(self.hub, self.recover)

    def write(self, count: int) -> list[Envelope]:
        """More events, as they are published."""
        first = len(self.pages) + 1
        pages = [page(n, self.epoch) for n in range(first, first + count)]
        self.pages += pages
        return pages

    def recover(self, wanted: Sequence[tuple[str, Position]]) -> list[Recovered]:
        self.asked += 1
        if self.away:
            raise RedisUnavailable("reading", "it is away")
        stands = Position(self.epoch, len(self.pages))
        return [
            Recovered(stands)
            if self.lost or position.epoch != self.epoch
            else Recovered(stands, True, self.pages[position.offset :])
            for _, position in wanted
        ]

    def push(self, frames: bytes) -> None:
        while frames:
            size = frames[1]
            self.heard.append(frames[2 : 2 + size].decode())
            frames = frames[2 + size :]

    def arrive(self, *envelopes: Envelope) -> list[str]:
        """What the socket has heard once they have come."""
        self.sequencer.deliver([("chat", envelope) for envelope in envelopes])
        return self.heard


def page(offset: int, epoch: str = "e") -> Envelope:
    return Envelope(f"{epoch}{offset}".encode(), 0.0, epoch=epoch, offset=offset)


def missed(heard: list[str]) -> list[str]:
    return [text for text in heard if "rf:missed" in text]


def test_events_in_sequence_are_passed_on_without_a_question() -> None:
    book = Book()
    assert book.arrive(*book.write(3)) == ["e1", "e2", "e3"]
    assert book.asked == 0


def test_events_without_a_place_pass_by() -> None:
    book = Book()
    (one,) = book.write(1)
    assert book.arrive(Envelope(b"hi", 0.0), one, Envelope(b"ho", 0.0)) == ["hi", "e1", "ho"]


def test_a_channel_nobody_stands_on_is_stood_on_by_its_first_event() -> None:
    book = Book(channel="news")
    book.hub.add("chat", book)
    pages = book.write(9)
    assert book.arrive(pages[6], pages[8]) == ["e7", "e8", "e9"]
    assert book.hub.place("chat") == Position("e", 9)


def test_who_waits_behind_the_others_gets_what_they_have_read_before_it_came() -> None:
    book, behind = Book(channel="news"), Book(channel="news")
    behind.socket_id = "2.2"
    for ear in (book, behind):
        book.hub.wait("chat", ear.socket_id)
    (one,) = book.write(1)
    book.hub.begin("chat", Position("e", 1))  # the first has read it already
    book.hub.admit("chat", book, b"", Position("e", 1))
    book.arrive(one)
    book.hub.admit("chat", behind, b"", Position("e", 0))
    book.arrive(*book.write(1))
    assert (book.heard, behind.heard) == (["e2"], ["e1", "e2"])


def test_who_begins_while_an_event_is_on_its_way_does_not_get_it_twice() -> None:
    book = Book(channel="news")
    book.hub.add("chat", book)
    pages = book.write(3)
    passed_on = book.hub.deliver

    def begin_meanwhile(*arguments: Any) -> None:
        book.hub.begin("chat", Position("e", 1))
        passed_on(*arguments)

    book.hub.deliver = begin_meanwhile  # type: ignore[method-assign]
    assert book.arrive(pages[1]) == ["e2"]
    assert book.arrive(pages[2]) == ["e2", "e3"]


def test_who_comes_while_a_gap_is_filled_gets_nothing_twice() -> None:
    book, late, pages = Book(), Book(), []
    pages = book.write(4)
    recover = book.recover

    def meanwhile(wanted: Sequence[tuple[str, Position]]) -> list[Recovered]:
        (found,) = recover(wanted)
        book.hub.wait("chat", "2.2")
        book.hub.begin("chat", found.position)
        late.socket_id = "2.2"
        book.hub.admit("chat", late, b"", found.position)
        return [found]

    book.sequencer = Sequencer(book.hub, meanwhile)
    assert book.arrive(pages[0], pages[2], pages[3]) == ["e1", "e2", "e3", "e4"]
    book.arrive(*book.write(1))
    assert late.heard == ["e5"]


def test_what_was_heard_is_not_passed_on_again() -> None:
    book = Book()
    pages = book.write(3)
    book.arrive(*pages)
    assert book.arrive(*pages, *book.write(1)) == ["e1", "e2", "e3", "e4"]


def test_what_got_lost_on_the_way_is_fetched() -> None:
    book = Book()
    first, _, third, fourth = book.write(4)
    assert book.arrive(first, third, fourth) == ["e1", "e2", "e3", "e4"]
    assert book.asked == 1


def test_what_is_gone_for_good_is_said() -> None:
    book = Book()
    book.lost = True
    first, _, third = book.write(3)
    heard = book.arrive(first, third)
    assert heard[0] == "e1"
    assert json.loads(heard[1]) == {
        "event": "rf:missed",
        "channel": "chat",
        "data": "{}",
        "epoch": "e",
        "offset": 3,
    }
    assert book.arrive(*book.write(1))[2:] == ["e4"]


def test_a_new_epoch_is_a_loss() -> None:
    book = Book()
    book.arrive(*book.write(2))
    book.epoch, book.pages = "f", []
    heard = book.arrive(*book.write(1))
    assert heard[:2] == ["e1", "e2"]
    assert json.loads(heard[2])["epoch"] == "f"
    assert book.arrive(*book.write(1))[3:] == ["f2"]


def test_a_gap_that_cannot_be_filled_now_is_filled_later() -> None:
    book = Book()
    first, _, third, fourth = book.write(4)
    book.away = True
    assert book.arrive(first, third) == ["e1"]
    book.away = False
    assert book.arrive(fourth) == ["e1", "e2", "e3", "e4"]


def test_catching_up_fetches_what_was_sent_while_nothing_was_heard() -> None:
    book = Book()
    book.arrive(*book.write(1))
    pages = book.write(2)
    book.sequencer.catch_up(lambda channel: True)
    assert book.arrive(*pages) == ["e1", "e2", "e3"]


def test_catching_up_asks_for_many_channels_at_once() -> None:
    book = Book()
    for n in range(250):
        book.hub.add(f"chat-{n}", book)
        book.hub.begin(f"chat-{n}", Position("e", 0))
    book.sequencer.catch_up(lambda channel: True)
    assert book.asked == 3
    assert book.heard == []


def test_only_what_was_not_heard_is_caught_up() -> None:
    book = Book()
    book.write(1)
    book.sequencer.catch_up(lambda channel: channel != "chat")
    assert book.heard == []


def test_who_cannot_catch_up_says_so() -> None:
    book = Book()
    book.away = True
    with pytest.raises(RedisUnavailable):
        book.sequencer.catch_up(lambda channel: True)
    assert missed(book.heard) == []
