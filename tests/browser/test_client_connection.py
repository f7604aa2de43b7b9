"""How ``rf.js`` connects, stays connected and comes back."""

from __future__ import annotations

import gzip

import pytest

from flask_rf.broadcast.scripts import served

from .wire import PING
from .wire import subscription
from .wire import Wire

pytestmark = pytest.mark.browser


def test_it_is_smaller_than_five_kilobytes_gzipped() -> None:
    assert len(gzip.compress(served("rf.js"))) < 5000


# Where it connects


def test_it_connects_to_the_app_that_served_the_page(wire: Wire) -> None:
    wire.load()
    assert wire.get("sockets[0].url").startswith("wss://shop.test/app/flask-rf?protocol=7&")


def test_key_and_mount_point_come_from_the_script_tag(wire: Wire) -> None:
    wire.load(html='<script src="/in/broadcasting/rf.js" data-key="abc"></script>')
    assert wire.get("sockets[0].url").startswith("wss://shop.test/in/app/abc?")
    wire.run("rf.private('a')").greet()
    assert wire.get("asked[0].url") == "https://shop.test/in/broadcasting/auth"


def test_options_win_over_the_script_tag(wire: Wire) -> None:
    html = '<script src="/broadcasting/rf.js" data-key="abc" data-host="a.test"></script>'
    wire.load("{key: 'def', host: 'b.test:6001', authEndpoint: '/auth'}", html)
    assert wire.get("sockets[0].url").startswith("wss://b.test:6001/app/def?")
    wire.run("rf.private('a')").greet()
    assert wire.get("asked[0].url") == "/auth"


def test_a_host_may_name_another_scheme_and_path(wire: Wire) -> None:
    wire.load("{host: 'http://localhost:5000/in'}")
    assert wire.get("sockets[0].url").startswith("ws://localhost:5000/in/app/flask-rf?")


def test_it_can_be_imported_as_a_module(wire: Wire) -> None:
    wire.load(html='<script type="module">import "/broadcasting/rf.js"</script>')
    assert wire.get("sockets[0].url").startswith("wss://shop.test/app/flask-rf?")


# Staying alive


def test_a_ping_is_answered(wire: Wire) -> None:
    wire.load().greet().receive("pusher:ping")
    assert wire.sent == [{"event": "pusher:pong", "data": {}}]


def test_silence_is_met_with_a_ping_and_then_another_connection(wire: Wire) -> None:
    wire.load().greet(activity_timeout=30).wait(29)
    assert wire.sent == []
    wire.wait(2)
    assert wire.sent == [PING]
    wire.wait(10)
    assert (wire.state, wire.dialled, wire.get("sockets[0].closed")) == ("reconnecting", 2, True)


def test_any_message_counts_as_life(wire: Wire) -> None:
    wire.load().greet(activity_timeout=30).wait(31)
    wire.receive("pusher:pong").wait(29)
    wire.receive("message", channel="chat").wait(29)
    assert (wire.state, wire.sent) == ("connected", [PING])


def test_a_server_that_does_not_greet_is_given_up(wire: Wire) -> None:
    wire.load().wait(9)
    assert wire.dialled == 1
    wire.wait(2)
    assert (wire.state, wire.dialled) == ("reconnecting", 2)


def test_an_error_is_no_greeting(wire: Wire) -> None:
    wire.load().run("rf.on('state', (_, { reason }) => tell(reason))")
    wire.receive("pusher:error", {"code": 4100}).wait(11)
    assert (wire.told[-1], wire.dialled) == (["no greeting"], 2)


def test_a_link_that_is_back_twice_is_told_once(wire: Wire) -> None:
    wire.load().greet().receive("rf:interrupted").receive("rf:resumed").receive("rf:resumed")
    assert wire.told == [["connected"], ["interrupted"], ["connected"]]


def test_the_link_between_servers_is_reported(wire: Wire) -> None:
    wire.load().run("rf.channel('chat')").greet()
    wire.receive("rf:interrupted").receive("rf:resumed")
    assert wire.told == [["connected"], ["interrupted"], ["connected"]]
    assert wire.sent == [subscription("chat")]  # it never left


# Coming back


@pytest.mark.parametrize("code", [4000, 4001, 4009, 4099])
def test_a_refusal_is_final(wire: Wire, code: int) -> None:
    wire.load().greet().run("rf.on('state', tell)").close(code, "no such app")
    assert wire.told[-1] == ["failed", {"code": code, "reason": "no such app"}]
    wire.wait(120).run("dispatchEvent(new Event('online'))")
    assert (wire.state, wire.dialled, wire.get("rf.socketId")) == ("failed", 1, "")


def test_a_refusal_ends_when_asked_to_connect(wire: Wire) -> None:
    wire.load().close(4001).run("rf.connect()")
    assert (wire.state, wire.dialled) == ("connecting", 2)


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4100, 4199, 4300])
def test_a_lost_connection_is_tried_again_after_a_while(wire: Wire, code: int) -> None:
    wire.load().greet().wait(6).close(code)
    assert (wire.state, wire.dialled) == ("reconnecting", 1)
    wire.wait(0.5)
    assert wire.dialled == 2


@pytest.mark.parametrize("code", [4200, 4201, 4202, 4299])
def test_a_server_that_sends_us_on_is_left_at_once(wire: Wire, code: int) -> None:
    wire.load().greet().close(code).wait(0)
    assert (wire.state, wire.dialled) == ("reconnecting", 2)


def test_a_server_that_sends_us_on_again_and_again_is_not_hammered(wire: Wire) -> None:
    wire.load().greet().close(4200).wait(0).greet().close(4200).wait(0)
    assert wire.dialled == 2
    wire.wait(1)
    assert wire.dialled == 3


def test_waits_double_up_to_thirty_seconds_with_full_jitter(wire: Wire) -> None:
    wire.load().run("rf.on('state', (_, { delay }) => tell(delay))")
    for delay in (500, 1000, 2000, 4000, 8000, 15000, 15000):  # half of what it may be
        wire.close(1006)
        assert wire.told[-1] == [delay]
        wire.wait(delay / 1000)
    wire.run("Math.random = () => 0.1").close(1006)
    assert wire.told[-1] == [3000]


def test_a_steady_connection_forgets_past_failures(wire: Wire) -> None:
    wire.load().run("rf.on('state', (_, { delay }) => tell(delay))")
    wire.close(1006).wait(1).close(1006).wait(1).greet().close(1006)
    assert wire.told[-1] == [2000]
    wire.wait(2).greet().wait(6).close(1006)
    assert wire.told[-1] == [500]


@pytest.mark.parametrize(
    "event", ["window.dispatchEvent(new Event('online'))", "document.dispatchEvent(visible)"]
)
def test_a_sign_of_life_from_outside_ends_the_wait(wire: Wire, event: str) -> None:
    wire.load().close(1006).run(f"const visible = new Event('visibilitychange'); {event}")
    assert wire.dialled == 2
    wire.run(f"const visible = new Event('visibilitychange'); {event}")
    assert wire.dialled == 2  # one attempt at a time


def test_coming_online_tests_a_connection_that_seems_open(wire: Wire) -> None:
    wire.load().greet(activity_timeout=120).run("dispatchEvent(new Event('online'))")
    assert wire.sent == [PING]
    wire.wait(11)
    assert wire.dialled == 2


def test_a_dropped_socket_is_not_heard_again(wire: Wire) -> None:
    wire.load().greet().wait(31).wait(11)
    assert wire.dialled == 2
    assert wire.get("sockets[0].onclose === null && sockets[0].onmessage === null")


def test_disconnecting_is_final_until_connecting_again(wire: Wire) -> None:
    wire.load().run("rf.channel('chat')").greet().run("rf.disconnect()").wait(120)
    assert (wire.state, wire.dialled, wire.get("sockets[0].closed")) == ("closed", 1, True)
    wire.run("rf.connect()").greet()
    assert (wire.state, wire.sent) == ("connected", [subscription("chat")])


def test_connecting_again_forgets_past_failures(wire: Wire) -> None:
    wire.load().close(1006).wait(1).close(1006).run("rf.disconnect(); rf.connect()")
    wire.run("rf.on('state', (_, { delay }) => tell(delay))").close(1006)
    assert wire.told[-1] == [500]
