from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest
from flask import Flask

from flask_rf import Broadcast
from flask_rf import BroadcastError
from flask_rf.broadcast import Event
from tests.broadcast.ears import Ear
from tests.parts.redis import RedisProcess


@dataclass
class Order:
    id: int
    total: int


class OrderShipped(Event):
    def __init__(self, order: Order) -> None:
        self.order = order
        self._note = "private"

    def broadcast_on(self) -> str:
        return f"private-orders.{self.order.id}"


@dataclass
class OrderPaid(Event):
    order_id: int
    _note: str = "private"

    def broadcast_on(self) -> Sequence[str]:
        return ["sales", f"private-orders.{self.order_id}"]


class OrderLost(OrderShipped):
    def broadcast_as(self) -> str:
        return "order.lost"

    def broadcast_with(self) -> Any:
        return {"id": self.order.id}

    def broadcast_when(self) -> bool:
        return self.order.total > 100


@pytest.fixture
def broadcast(app: Flask) -> Broadcast:
    return Broadcast(app)


def test_a_class_says_where_its_event_goes_and_what_it_brings(broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        broadcast.send(OrderShipped(Order(7, 20)))
    data = {"order": {"id": 7, "total": 20}}
    sent.assert_sent("OrderShipped", channel="private-orders.7", data=data, times=1)


def test_a_dataclass_brings_its_public_fields(broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        broadcast.send(OrderPaid(7))
    (event,) = sent.events
    assert (event.event, event.data) == ("OrderPaid", {"order_id": 7})
    assert event.channels == ("sales", "private-orders.7")


@pytest.mark.parametrize("options", [{}, {"slots": True}, {"frozen": True, "slots": True}])
def test_any_make_of_dataclass_will_do(broadcast: Broadcast, options: dict[str, bool]) -> None:
    @dataclass(**options)
    class Moved(Event):
        x: int
        y: int = field(init=False, default=2)

        def broadcast_on(self) -> str:
            return "map"

    with broadcast.fake() as sent:
        broadcast.send(Moved(1))
    sent.assert_sent("Moved", data={"x": 1, "y": 2})


def test_an_attribute_set_after_a_dataclass_was_made_is_brought_too(broadcast: Broadcast) -> None:
    event = OrderPaid(7)
    event.by = "ann"  # type: ignore[attr-defined]
    with broadcast.fake() as sent:
        broadcast.send(event)
    sent.assert_sent("OrderPaid", data={"order_id": 7, "by": "ann"})


def test_an_event_may_choose_its_name_and_data(broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        broadcast.send(OrderLost(Order(7, 101)))
    sent.assert_sent("order.lost", channel="private-orders.7", data={"id": 7}, times=1)


def test_an_event_may_choose_not_to_be_sent(broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        broadcast.send(OrderLost(Order(7, 100)))
    sent.assert_nothing_sent()


def test_others_may_be_told_alone(app: Flask, broadcast: Broadcast) -> None:
    with app.test_request_context(headers={"X-Socket-ID": "1.2"}), broadcast.fake() as sent:
        broadcast.to_others().send(OrderPaid(7))
        broadcast.send(OrderPaid(8))
    assert [event.skip for event in sent.events] == ["1.2", ""]


def test_an_event_without_channels_cannot_be_made() -> None:
    class Lost(Event):
        pass

    with pytest.raises(TypeError, match="broadcast_on"):
        Lost()  # type: ignore[abstract]


@pytest.mark.parametrize("on", [None, [], ""])
def test_an_event_that_names_no_channel_is_refused(broadcast: Broadcast, on: Any) -> None:
    class Lost(Event):
        def broadcast_on(self) -> str:
            return on  # type: ignore[no-any-return]

    with pytest.raises(BroadcastError, match=r"'Lost' was not sent.*broadcast_on\(\)|'Lost'.*name"):
        broadcast.send(Lost())


@pytest.mark.parametrize("event", [OrderPaid, "order.paid"])
def test_only_an_event_is_sent_as_one(broadcast: Broadcast, event: Any) -> None:
    with pytest.raises(TypeError, match=r"an instance of an Event class, not .*to\(channel\)"):
        broadcast.send(event)


def test_attributes_that_are_no_json_are_refused(broadcast: Broadcast) -> None:
    event = OrderPaid(7)
    event.by = object()  # type: ignore[attr-defined]
    with pytest.raises(BroadcastError, match="'OrderPaid' was not sent.*its data is no JSON"):
        broadcast.send(event)


def test_a_class_travels_over_redis_like_any_event(app: Flask, redis_server: RedisProcess) -> None:
    broadcast = Broadcast(app, redis_url=redis_server.url)
    ear = Ear(broadcast.compiled.server.broker)
    ear.broker.subscribe("sales")
    broadcast.send(OrderPaid(7))
    message = json.loads(ear.wait_for(1)[0][1].payload)
    assert (message["event"], json.loads(message["data"])) == ("OrderPaid", {"order_id": 7})


def test_an_event_may_be_lost_where_that_is_better_than_an_error(app: Flask) -> None:
    broadcast = Broadcast(app, redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(BroadcastError, match="OrderPaid"):
        broadcast.send(OrderPaid(7))
    broadcast.send(OrderPaid(7), on_error="drop")
