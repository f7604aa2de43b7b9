from __future__ import annotations

import datetime
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from flask_rf import Broadcast
from flask_rf import BroadcastError
from flask_rf import signals
from flask_rf.broadcast import Sent
from tests.broadcast.ears import Ear

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def broadcast(app: Flask) -> Broadcast:
    """Where anything sent would fail."""
    return Broadcast(app, redis_url=NOBODY)


@pytest.fixture
def sent(broadcast: Broadcast) -> Iterator[Sent]:
    with broadcast.fake() as sent:
        yield sent


@pytest.fixture
def two(broadcast: Broadcast, sent: Sent) -> Sent:
    """Two shipments: of order 7 to two channels, of order 8 to one."""
    broadcast.to("orders", "news").send("order.shipped", {"id": 7})
    broadcast.to("orders").except_("1.2").send("order.shipped", {"id": 8})
    return sent


def refusal(assertion: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        assertion(*arguments, **options)
    return str(caught.value)


LISTED = """
  'order.shipped' to orders, news: {'id': 7}
  'order.shipped' to orders: {'id': 8}, leaving out socket 1.2"""


def test_nothing_is_sent_and_everything_is_recorded(two: Sent) -> None:
    first, second = two.events
    assert (first.event, first.channels, first.data) == (
        "order.shipped",
        ("orders", "news"),
        {"id": 7},
    )
    assert (first.skip, second.skip) == ("", "1.2")


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"times": 2},
        {"channel": "orders", "times": 2},
        {"channel": "news", "times": 1},
        {"data": {"id": 8}, "times": 1},
        {"channel": "news", "data": {"id": 7}},
        {"data": lambda data: data["id"] > 7, "times": 1},
        {"channel": "chat", "times": 0},
    ],
)
def test_what_was_sent_is_found(two: Sent, what: dict[str, Any]) -> None:
    two.assert_sent("order.shipped", **what)


def is_of_order_9(data: Any) -> bool:
    return bool(data["id"] == 9)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ({"channel": "chat"}, "'order.shipped' to chat at least once, but it was sent 0 times"),
        ({"data": {"id": 9}}, "'order.shipped': {'id': 9} at least once, but it was sent 0 times"),
        (
            {"channel": "news", "data": {"id": 8}},
            "'order.shipped' to news: {'id': 8} at least once, but it was sent 0 times",
        ),
        (
            {"data": is_of_order_9},
            "'order.shipped', is_of_order_9() being true of it, "
            "at least once, but it was sent 0 times",
        ),
        ({"times": 1}, "'order.shipped' once, but it was sent 2 times"),
        ({"channel": "news", "times": 2}, "'order.shipped' to news 2 times, but it was sent once"),
    ],
)
def test_what_was_not_sent_is_reported_with_all_that_was(
    two: Sent, what: dict[str, Any], complaint: str
) -> None:
    message = refusal(two.assert_sent, "order.shipped", **what)
    assert message == f"expected {complaint}; what was sent:{LISTED}"


def test_another_events_name_does_not_count(two: Sent) -> None:
    assert "'order.paid' at least once" in refusal(two.assert_sent, "order.paid")
    two.assert_not_sent("order.paid")


def test_what_should_not_have_been_sent_is_reported(two: Sent) -> None:
    two.assert_not_sent("order.shipped", channel="chat")
    two.assert_not_sent("order.shipped", channel="news", data={"id": 8})
    message = refusal(two.assert_not_sent, "order.shipped", channel="news")
    assert message.startswith("expected 'order.shipped' to news 0 times, but it was sent once;")


def test_silence_can_be_asserted(broadcast: Broadcast, sent: Sent) -> None:
    sent.assert_nothing_sent()
    assert refusal(sent.assert_sent, "nudge").endswith("sent 0 times; nothing was sent")
    broadcast.to("chat").send("nudge")
    message = refusal(sent.assert_nothing_sent)
    assert message == "expected no event at all; what was sent:\n  'nudge' to chat: {}"


def test_data_are_compared_as_clients_receive_them(broadcast: Broadcast, sent: Sent) -> None:
    data = {"day": datetime.date(2026, 1, 2), "sizes": (1, 2)}
    broadcast.to("chat").send("day", data)
    sent.assert_sent("day", data=data)
    sent.assert_sent("day", data={"day": "Fri, 02 Jan 2026 00:00:00 GMT", "sizes": [1, 2]})


def test_data_changed_later_are_recorded_as_they_were(broadcast: Broadcast, sent: Sent) -> None:
    data = {"id": 7}
    broadcast.to("chat").send("a", data)
    data["id"] = 8
    sent.assert_sent("a", data={"id": 7})


def test_no_data_is_told_from_any_data(broadcast: Broadcast, sent: Sent) -> None:
    broadcast.to("chat").send("message", {"id": 7})
    sent.assert_not_sent("message", data=None)
    broadcast.to("chat").send("message")
    sent.assert_sent("message", data=None, times=1)


def test_mistakes_are_found_as_ever(broadcast: Broadcast, sent: Sent) -> None:
    with pytest.raises(BroadcastError):
        broadcast.to("a b").send("message")
    with pytest.raises(BroadcastError):
        broadcast.to("chat").send("message", object())
    with pytest.raises(BroadcastError, match="BROADCAST_ENCRYPTION_KEY"):
        broadcast.to("private-encrypted-chat").send("message")
    sent.assert_nothing_sent()


def test_nothing_recorded_is_announced_as_published(
    app: Flask, broadcast: Broadcast, sent: Sent
) -> None:
    published: list[str] = []

    def listen(sender: Flask, channel: str, **facts: Any) -> None:
        published.append(channel)

    with signals.event_published.connected_to(listen, sender=app):
        broadcast.to("chat").send("message")
    assert published == []


def test_what_requests_and_threads_send_is_recorded(
    app: Flask, broadcast: Broadcast, sent: Sent
) -> None:
    @app.post("/")
    def index() -> str:
        broadcast.to("chat").to_others().send("message")
        return ""

    app.test_client().post("/", headers={"X-Socket-ID": "1.2"})
    with ThreadPoolExecutor(4) as pool:
        for i in range(100):
            pool.submit(broadcast.to("chat").send, "message", i)
    sent.assert_sent("message", times=101)
    assert sent.events[0].skip == "1.2"


def test_the_innermost_of_several_fakes_records(broadcast: Broadcast, sent: Sent) -> None:
    with broadcast.fake() as inner:
        broadcast.to("chat").send("a")
    broadcast.to("chat").send("b")
    assert [event.event for event in inner.events] == ["a"]
    assert [event.event for event in sent.events] == ["b"]


def test_fakes_may_end_in_any_order(broadcast: Broadcast) -> None:
    first, second = broadcast.fake(), broadcast.fake()
    earlier, later = first.__enter__(), second.__enter__()
    first.__exit__(None, None, None)
    broadcast.to("chat").send("a")
    second.__exit__(None, None, None)
    earlier.assert_nothing_sent()
    later.assert_sent("a")
    with pytest.raises(BroadcastError):
        broadcast.to("chat").send("b")


def test_events_are_sent_again_once_the_block_has_failed(app: Flask) -> None:
    broadcast = Broadcast(app)
    ear = Ear(broadcast.compiled.server.broker)
    with pytest.raises(ZeroDivisionError), broadcast.fake():
        broadcast.to("chat").send("a")
        raise ZeroDivisionError
    broadcast.to("chat").send("b")
    ear.wait_for(1)
    assert [b'"b"' in envelope.payload for _, envelope in ear.events] == [True]


def test_each_app_is_faked_by_itself() -> None:
    apps = [Flask("shop"), Flask("club")]
    broadcast = Broadcast()
    for app in apps:
        app.secret_key = "a secret of the tests"
        app.config["BROADCAST_REDIS_URL"] = NOBODY
        broadcast.init_app(app)
    with apps[0].app_context(), broadcast.fake() as sent:
        broadcast.to("chat").send("a")
        with apps[1].app_context(), pytest.raises(BroadcastError):
            broadcast.to("chat").send("b")
    assert [event.event for event in sent.events] == ["a"]
