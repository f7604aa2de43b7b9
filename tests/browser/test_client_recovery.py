"""How ``rf.js`` gets back what was sent while it was away."""

from __future__ import annotations

from typing import Any

import pytest

from .wire import subscription
from .wire import Wire

pytestmark = pytest.mark.browser

SUBSCRIBED = "pusher_internal:subscription_succeeded"


def place(offset: int, epoch: str = "e1", **more: Any) -> dict[str, Any]:
    return {"channel": "log", "epoch": epoch, "offset": offset, **more}


def recovering(offset: int, epoch: str = "e1", socket_id: str = "1.1") -> dict[str, object]:
    """The subscription of who has heard that much, on that socket."""
    asked: dict[str, Any] = {"epoch": epoch, "offset": offset, "socket_id": socket_id}
    return subscription("log", recover=asked)


def listening(wire: Wire, offset: int = 7) -> Wire:
    """On a channel whose history stands at ``offset``; its numbers are told."""
    wire.load().run("rf.channel('log').listen('n', (n) => tell(n)).missed(() => tell('missed'))")
    return wire.greet().receive(SUBSCRIBED, **place(offset))


def back(wire: Wire) -> Wire:
    return wire.close(4200).wait(1).greet()


def heard(wire: Wire) -> list[Any]:
    states = (["connected"], ["reconnecting"])
    return [values[0] for values in wire.told if values not in states]


def test_it_asks_for_what_came_after_the_last_event_it_had(wire: Wire) -> None:
    listening(wire).receive("n", 8, **place(8))
    assert wire.sent == [subscription("log")]
    assert back(wire).sent == [recovering(8)]


def test_where_nothing_was_sent_it_asks_from_where_it_came_in(wire: Wire) -> None:
    assert back(listening(wire)).sent == [recovering(7)]


def test_a_place_is_of_the_socket_it_was_heard_on(wire: Wire) -> None:
    back(listening(wire)).receive(SUBSCRIBED, **place(7, recovered=True))
    assert back(wire).sent == [recovering(7, socket_id="2.1")]


def test_a_connection_that_never_brought_it_back_changes_nothing(wire: Wire) -> None:
    back(listening(wire)).close(1006).wait(1).greet()
    assert wire.sent == [recovering(7)]


def test_what_it_gets_back_is_heard_in_order_and_nothing_is_missed(wire: Wire) -> None:
    back(listening(wire)).receive(SUBSCRIBED, **place(7, recovered=True))
    for n in (8, 9):
        wire.receive("n", n, **place(n))
    assert heard(wire) == [8, 9]


def test_an_event_that_comes_again_is_dropped(wire: Wire) -> None:
    listening(wire).receive("n", 8, **place(8)).receive("n", 8, **place(8))
    wire.receive("n", 7, **place(7)).receive("n", 9, **place(9))
    assert heard(wire) == [8, 9]


def test_another_epoch_begins_with_other_numbers(wire: Wire) -> None:
    listening(wire).receive("rf:missed", **place(0, "e2")).receive("n", 1, **place(1, "e2"))
    assert heard(wire) == ["missed", 1]
    assert back(wire).sent == [recovering(1, "e2")]


def test_what_cannot_be_given_back_is_said_to_be_missed(wire: Wire) -> None:
    back(listening(wire)).receive(SUBSCRIBED, **place(3, "e2", recovered=False))
    wire.receive("rf:missed", **place(3, "e2")).receive("n", 4, **place(4, "e2"))
    assert heard(wire) == ["missed", 4]
    assert back(wire).sent == [recovering(4, "e2", "2.1")]


def test_a_loss_that_the_server_finds_is_told_at_once(wire: Wire) -> None:
    listening(wire).receive("rf:missed", **place(20))
    assert heard(wire) == ["missed"]
    assert back(wire).sent == [recovering(20)]


def test_a_channel_that_lost_its_history_is_not_asked_for_it_again(wire: Wire) -> None:
    back(listening(wire)).receive(SUBSCRIBED, channel="log", recovered=False)
    wire.receive("rf:missed", channel="log").receive("n", 1, channel="log")
    assert heard(wire) == ["missed", 1]
    assert back(wire).sent == [subscription("log")]


def test_an_event_without_a_place_is_heard_and_moves_nothing(wire: Wire) -> None:
    listening(wire).receive("client-n", channel="log").receive("n", 1, channel="log")
    assert heard(wire) == [1]
    assert back(wire).sent == [recovering(7)]


def test_members_told_anew_after_an_outage_do_not_forget_the_place(wire: Wire) -> None:
    listening(wire).receive(SUBSCRIBED, channel="log")
    assert back(wire).sent == [recovering(7)]


def test_who_left_starts_anew(wire: Wire) -> None:
    listening(wire).run("rf.leave('log'); rf.channel('log')")
    assert wire.sent[-1] == subscription("log")
    assert back(wire).sent == [subscription("log")]


def test_who_disconnects_and_connects_again_recovers(wire: Wire) -> None:
    listening(wire).run("rf.disconnect(); rf.connect()").greet()
    assert wire.sent == [recovering(7)]


def test_a_private_channel_recovers_with_its_new_leave(wire: Wire) -> None:
    wire.load().run("rf.private('log')").greet()
    here = {**place(7), "channel": "private-log"}
    back(wire.receive(SUBSCRIBED, **here))
    [frame] = wire.sent
    assert frame["data"]["auth"] == "flask-rf:signature"
    assert frame["data"]["recover"] == {"epoch": "e1", "offset": 7, "socket_id": "1.1"}


def test_each_channel_keeps_a_place_of_its_own(wire: Wire) -> None:
    listening(wire).run("rf.channel('other')")
    wire.receive(SUBSCRIBED, channel="other", epoch="e9", offset=2)
    recover = {"epoch": "e9", "offset": 2, "socket_id": "1.1"}
    assert back(wire).sent == [recovering(7), subscription("other", recover=recover)]
