from __future__ import annotations

from collections.abc import Callable

from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.history import Position
from flask_rf.broadcast.hub import Hub
from flask_rf.broadcast.wire import text_frame


class Ear:
    """A sink that remembers each push."""

    def __init__(self, socket_id: str) -> None:
        self.socket_id = socket_id
        self.heard: list[bytes] = []
        self.then: Callable[[], object] = lambda: None

    def push(self, frames: bytes) -> None:
        self.heard.append(frames)
        self.then()


def event(text: str, skip: str = "") -> Envelope:
    return Envelope(text.encode(), 0.0, skip)


def kept(offset: int, epoch: str = "e") -> Envelope:
    """An event of a history, whose payload is its offset."""
    return Envelope(str(offset).encode(), 0.0, epoch=epoch, offset=offset)


def frames(*texts: str) -> bytes:
    return b"".join(text_frame(text.encode()) for text in texts)


def hub_with(*places: tuple[str, Ear]) -> Hub:
    hub = Hub()
    for channel, ear in places:
        hub.add(channel, ear)
    return hub


def test_an_event_reaches_the_channels_sockets_and_no_others() -> None:
    a, b = Ear("a"), Ear("b")
    hub_with(("chat", a), ("news", b)).deliver([("chat", event("hi"))])
    assert (a.heard, b.heard) == ([frames("hi")], [])


def test_every_socket_is_given_the_same_bytes() -> None:
    a, b = Ear("a"), Ear("b")
    hub_with(("chat", a), ("chat", b)).deliver([("chat", event("hi"))])
    assert a.heard[0] is b.heard[0]


def test_a_burst_is_joined_into_one_push_per_socket_in_order() -> None:
    a, b = Ear("a"), Ear("b")
    hub = hub_with(("chat", a), ("news", a), ("chat", b))
    hub.deliver([("chat", event("1")), ("news", event("2")), ("chat", event("3"))])
    assert a.heard == [frames("1", "2", "3")]
    assert b.heard == [frames("1", "3")]


def test_a_socket_may_be_left_out_alone_or_in_a_burst() -> None:
    a, b = Ear("a"), Ear("b")
    hub = hub_with(("chat", a), ("chat", b))
    hub.deliver([("chat", event("1", skip="a"))])
    hub.deliver([("chat", event("2", skip="a")), ("chat", event("3"))])
    assert a.heard == [frames("3")]
    assert b.heard == [frames("1"), frames("2", "3")]


def test_who_waits_hears_everything_after_being_let_in() -> None:
    a, hub = Ear("a"), Hub()
    hub.wait("chat", "a")
    hub.deliver([("chat", event("early"))])
    assert a.heard == []
    assert hub.admit("chat", a, frames("welcome"))
    hub.deliver([("chat", event("late"))])
    assert b"".join(a.heard) == frames("welcome", "early", "late")


def test_who_waits_is_left_out_as_others_are() -> None:
    a, hub = Ear("a"), Hub()
    hub.wait("chat", "a")
    hub.deliver([("chat", event("own", skip="a")), ("news", event("other"))])
    hub.admit("chat", a, frames("welcome"))
    assert a.heard == [frames("welcome")]


def test_who_is_let_in_during_a_fan_out_gets_its_event_too() -> None:
    first, a, hub = Ear("first"), Ear("a"), Hub()
    hub.add("chat", first)
    hub.wait("chat", "a")
    first.then = lambda: hub.admit("chat", a, frames("welcome"))
    hub.deliver([("chat", event("late"))])
    assert b"".join(a.heard) == frames("welcome", "late")


def test_who_left_while_waiting_is_not_let_in() -> None:
    hub = Hub()
    hub.wait("chat", "a")
    hub.remove("chat", "a")
    assert not hub.admit("chat", Ear("a"), b"")


def test_who_holds_the_history_is_passed_nothing_twice() -> None:
    a, hub = Ear("a"), Hub()
    hub.wait("chat", "a")
    hub.deliver([("chat", kept(4)), ("chat", kept(5)), ("chat", kept(6))])
    hub.admit("chat", a, frames("welcome", "5"), Position("e", 5))
    hub.deliver([("chat", event("plain")), ("chat", kept(7))])
    assert b"".join(a.heard) == frames("welcome", "5", "6", "plain", "7")


def test_a_new_epoch_is_news_to_who_holds_the_old_history() -> None:
    a, hub = Ear("a"), Hub()
    hub.wait("chat", "a")
    hub.deliver([("chat", kept(5)), ("chat", kept(1, "f"))])
    hub.admit("chat", a, frames("welcome"), Position("e", 5))
    assert b"".join(a.heard) == frames("welcome", "1")


def test_who_is_ahead_of_the_others_is_passed_what_is_news_to_it() -> None:
    a, behind, hub = Ear("a"), Ear("behind"), Hub()
    hub.add("chat", behind)
    hub.begin("chat", Position("e", 3))
    hub.wait("chat", "a")
    hub.admit("chat", a, frames("welcome"), Position("e", 5))
    for offset in (4, 5, 6):
        hub.deliver([("chat", kept(offset))])
    assert b"".join(a.heard) == frames("welcome", "6")
    assert b"".join(behind.heard) == frames("4", "5", "6")


def test_the_place_of_a_channel_is_that_of_its_first_socket_and_goes_with_the_last() -> None:
    hub = hub_with(("chat", Ear("a")))
    hub.begin("chat", Position("e", 3)), hub.begin("chat", Position("f", 5))
    assert (hub.place("chat"), hub.places()) == (Position("e", 3), [("chat", Position("e", 3))])
    hub.deliver([("chat", kept(4))], {"chat": Position("e", 4)})
    assert hub.place("chat") == Position("e", 4)
    hub.remove("chat", "a")
    assert (hub.place("chat"), hub.places()) == (None, [])


def test_removing_says_when_nobody_listens_any_more() -> None:
    hub = hub_with(("chat", Ear("a")), ("chat", Ear("b")))
    assert [hub.remove("chat", name) for name in ("a", "a", "b", "b")] == [
        False,
        False,
        True,
        False,
    ]
    assert hub.size("chat") == 0


def test_an_event_for_nobody_is_no_error() -> None:
    Hub().deliver([("chat", event("hi"))])
    Hub().deliver([("chat", event("hi")), ("news", event("ho"))])
