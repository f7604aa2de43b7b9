from __future__ import annotations

from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.hub import Hub
from flask_rf.broadcast.hub import Waiting
from flask_rf.broadcast.wire import text_frame


class Ear:
    """A sink that remembers each push."""

    def __init__(self, socket_id: str) -> None:
        self.socket_id = socket_id
        self.heard: list[bytes] = []

    def push(self, frames: bytes) -> None:
        self.heard.append(frames)


def event(text: str, skip: str = "") -> Envelope:
    return Envelope(text.encode(), 0.0, skip)


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
    a = Ear("a")
    hub = Hub()
    hub.add("chat", Waiting("a"))
    hub.deliver([("chat", event("early"))])
    assert a.heard == []
    assert hub.admit("chat", a, frames("welcome"))
    hub.deliver([("chat", event("late"))])
    assert b"".join(a.heard) == frames("welcome", "early", "late")


def test_who_is_let_in_during_a_fan_out_gets_its_event_too() -> None:
    a, hub = Ear("a"), Hub()
    hub.add("chat", Waiting("a"))
    under_way = hub.sinks("chat")
    hub.admit("chat", a, frames("welcome"))
    for sink in under_way:
        sink.push(frames("late"))
    assert b"".join(a.heard) == frames("welcome", "late")


def test_who_left_while_waiting_is_not_let_in() -> None:
    hub = Hub()
    hub.add("chat", Waiting("a"))
    hub.remove("chat", "a")
    assert not hub.admit("chat", Ear("a"), b"")


def test_removing_says_when_nobody_listens_any_more() -> None:
    hub = hub_with(("chat", Ear("a")), ("chat", Ear("b")))
    assert [hub.remove("chat", name) for name in ("a", "a", "b", "b")] == [
        False,
        False,
        True,
        False,
    ]
    assert hub.sinks("chat") == ()


def test_an_event_for_nobody_is_no_error() -> None:
    Hub().deliver([("chat", event("hi"))])
    Hub().deliver([("chat", event("hi")), ("news", event("ho"))])
