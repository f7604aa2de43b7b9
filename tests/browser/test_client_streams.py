"""How ``rf.js`` goes on by server-sent events where no WebSocket passes."""

from __future__ import annotations

from typing import Any

import pytest

from .wire import subscription
from .wire import Wire

pytestmark = pytest.mark.browser

SUBSCRIBED = "pusher_internal:subscription_succeeded"


def streaming(wire: Wire, options: str = "") -> Wire:
    """A page without WebSockets, on a stream of the channel ``log``."""
    wire.load(options).run("rf.channel('log').listen('n', (n) => tell(n))")
    wire.block().greet_stream()
    assert wire.told[-1] == ["connected"]
    return wire


# When it turns to streams


def test_two_sockets_without_a_greeting_make_it_try_a_stream(wire: Wire) -> None:
    wire.load().run("streamed = 200").close(1006).wait(1)
    assert (wire.dialled, wire.streams) == (2, 0)
    wire.close(1006)
    assert (wire.state, wire.streams) == ("reconnecting", 1)
    assert wire.get("streams[0].url").startswith("https://shop.test/broadcasting/sse?")


def test_sockets_that_stay_silent_are_as_good_as_blocked(wire: Wire) -> None:
    wire.load().run("streamed = 200").wait(11).wait(10)
    assert (wire.dialled, wire.streams) == (2, 1)


def test_it_says_that_it_goes_by_a_stream(wire: Wire) -> None:
    wire.load().run("rf.on('state', (state, { transport }) => tell(state, transport))")
    wire.block().greet_stream()
    assert wire.told[-1] == ["connected", "sse"]
    assert (wire.state, wire.get("rf.transport")) == ("connected", "sse")


def test_a_socket_says_so_as_well(wire: Wire) -> None:
    wire.load().run("rf.on('state', (state, { transport }) => tell(state, transport))").greet()
    assert wire.told[-1] == ["connected", "websocket"]


def test_while_a_stream_holds_no_socket_is_tried(wire: Wire) -> None:
    streaming(wire)
    for _ in range(8):
        wire.wait(20).write_text(":\n\n")
    assert (wire.state, wire.dialled, wire.streams) == ("connected", 2, 1)


def test_where_streams_fail_as_well_sockets_are_tried_as_ever(wire: Wire) -> None:
    wire.load().run("rf.on('state', (_, { delay }) => tell(delay))").block(streams=None)
    assert (wire.told[-1], wire.streams) == ([1000], 1)
    wire.wait(1)
    assert wire.dialled == 3
    wire.close(1006)
    assert (wire.told[-1], wire.streams) == ([2000], 2)


@pytest.mark.parametrize("status", [403, 404, 502])
def test_an_answer_that_is_no_stream_is_none(wire: Wire, status: int) -> None:
    wire.load().block(streams=status).wait(1)
    assert (wire.state, wire.dialled, wire.streams) == ("reconnecting", 3, 1)


def test_a_full_server_is_not_hammered_with_streams(wire: Wire) -> None:
    wire.load().block().write("pusher:error", {"code": 4100, "message": "full"})
    assert (wire.state, wire.streams, wire.get("streams[0].signal.aborted")) == (
        "reconnecting",
        1,
        True,
    )
    wire.wait(1)
    assert (wire.dialled, wire.streams) == (3, 1)


@pytest.mark.parametrize("code", [4100, 4200])
def test_a_server_that_refuses_a_socket_lets_sockets_pass(wire: Wire, code: int) -> None:
    wire.load().run("streamed = 200")
    for _ in range(5):
        wire.close(code).wait(8)
    assert wire.streams == 0


def test_one_greeting_ends_the_suspicion(wire: Wire) -> None:
    wire.load().run("streamed = 200").close(1006).wait(1).greet().close(1006).wait(5)
    wire.close(1006).wait(5)
    assert wire.streams == 0


def test_a_socket_that_greets_after_all_is_kept(wire: Wire) -> None:
    wire.load().block().wait(1).greet()
    assert (wire.state, wire.get("rf.transport")) == ("connected", "websocket")
    assert wire.get("streams[0].signal.aborted")


def test_a_stream_that_takes_its_time_is_waited_for_beside_the_next_socket(wire: Wire) -> None:
    wire.load().run("rf.channel('log').listen('n', (n) => tell(n))").block().wait(1)
    wire.close(1006).wait(1)
    assert (wire.dialled, wire.streams, wire.get("streams[0].signal.aborted")) == (3, 1, False)
    wire.wait(1)
    wire.greet_stream().write("n", 1, channel="log")
    assert wire.told[-2:] == [["connected"], [1]]
    assert (wire.dialled, wire.get("sockets[3].closed")) == (4, True)
    wire.wait(20)
    assert (wire.state, wire.dialled, wire.streams) == ("connected", 4, 1)


def test_a_stream_that_never_greets_is_tried_anew(wire: Wire) -> None:
    wire.load().block().wait(1).wait(10)
    assert (wire.dialled, wire.streams, wire.get("streams[0].signal.aborted")) == (3, 2, True)


def test_a_socket_that_is_refused_for_good_ends_the_stream_beside_it(wire: Wire) -> None:
    wire.load().block().wait(1).close(4001).wait(60)
    assert (wire.state, wire.dialled, wire.streams) == ("failed", 3, 1)
    assert wire.get("streams[0].signal.aborted")


def test_disconnecting_ends_the_stream_on_its_way(wire: Wire) -> None:
    wire.load().block().wait(1).run("rf.disconnect()").wait(60)
    assert (wire.state, wire.dialled, wire.streams) == ("closed", 3, 1)
    assert wire.get("streams[0].signal.aborted && sockets[2].closed")


# What a stream is asked for, and what it brings


def test_a_stream_is_asked_for_all_channels(wire: Wire) -> None:
    wire.load().run("rf.channel('a,b'); rf.private('c'); rf.join('d')").block()
    assert wire.asked_for == {"channel": ["a,b", "private-c", "presence-d"]}
    assert (wire.get("asked"), wire.sent) == ([], [])  # the server decides by itself


def test_a_stream_carries_the_apps_headers(wire: Wire) -> None:
    streaming(wire, "{headers: {Authorization: 'Bearer b'}, host: 'b.test/in'}")
    assert wire.get("streams[0].headers") == {"Authorization": "Bearer b"}
    assert wire.get("streams[0].url").startswith("https://b.test/in/broadcasting/sse?")


def test_headers_that_cannot_be_had_are_asked_for_again(wire: Wire) -> None:
    wire.load("{headers: () => ({Authorization: window.user.token})}").block().wait(1)
    assert (wire.state, wire.dialled, wire.streams) == ("reconnecting", 3, 0)
    wire.run("window.user = {token: 't'}").close(1006).greet_stream()
    assert wire.get("streams[0].headers") == {"Authorization": "t"}


def test_events_are_heard_however_they_are_cut_to_pieces(wire: Wire) -> None:
    streaming(wire).write_text("retry: 100\n\nid: 1.1,e:1\nda")
    wire.write_text('ta: {"event": "n", "channel": "log", "data": "1"}\n').write_text("\n:\n\n")
    wire.write_text('data: {"event": "n", "channel": "log", "data": "\\"\u00e4\\""}\n\n')
    assert wire.told == [[1], ["\u00e4"]]


def test_channels_are_subscribed_as_the_server_says(wire: Wire) -> None:
    streaming(wire).run("rf.channel('log').subscribed(() => tell('in'))")
    wire.write(SUBSCRIBED, channel="log")
    assert wire.told == [["in"]]


def test_a_refusal_reaches_its_channel(wire: Wire) -> None:
    streaming(wire).run("rf.channel('log').error(({ status }) => tell(status))")
    wire.write("pusher:subscription_error", {"status": 403}, channel="log")
    assert wire.told == [[403]]


def test_a_member_is_told_who_it_is(wire: Wire) -> None:
    wire.load().run("window.room = rf.join('room')").block().greet_stream()
    wire.write("rf:me", {"user_id": "ada"}, channel="presence-room")
    presence = {"presence": {"hash": {"ada": {"name": "Ada"}}}}
    wire.write(SUBSCRIBED, presence, channel="presence-room")
    wire.write("pusher_internal:member_removed", {"user_id": "ada"}, channel="presence-room")
    assert (wire.get("room.me"), wire.get("room.members.length")) == ("ada", 1)


def test_whispers_are_lost(wire: Wire) -> None:
    wire.load().run("rf.private('a')").block().greet_stream()
    wire.write(SUBSCRIBED, channel="private-a").run("rf.private('a').whisper('typing')")
    assert (wire.state, wire.sent) == ("connected", [])


def test_another_channel_needs_another_stream_and_loses_no_place(wire: Wire) -> None:
    streaming(wire).write(SUBSCRIBED, channel="log", epoch="e", offset=7)
    wire.run("rf.channel('b'); rf.channel('c')").wait(0)
    assert (wire.streams, wire.get("streams[0].signal.aborted")) == (2, True)
    assert wire.asked_for == {"channel": ["log", "b", "c"], "lastEventID": ["1.1,e:7,,"]}
    wire.greet_stream()
    assert (wire.dialled, wire.streams, wire.state) == (2, 2, "connected")


def test_a_channel_asked_for_while_the_stream_opens_is_not_forgotten(wire: Wire) -> None:
    wire.load().run("rf.channel('a')").block().run("rf.channel('b')").greet_stream()
    assert wire.told[-1] == ["reconnecting"]
    wire.wait(0).greet_stream()
    assert wire.asked_for == {"channel": ["a", "b"]}
    assert wire.told == [["connected"]]


def test_a_channel_that_is_left_is_left_on_the_server_too(wire: Wire) -> None:
    wire.load().run("rf.join('a'); rf.channel('b')").block().greet_stream()
    wire.run("rf.leave('a')").wait(0)
    assert wire.asked_for == {"channel": ["b"]}


def test_a_channel_that_is_left_while_the_stream_opens_is_left_on_the_server_too(
    wire: Wire,
) -> None:
    wire.load().run("rf.join('a'); rf.channel('b')").block().run("rf.leave('a')").greet_stream()
    wire.wait(0)
    assert wire.asked_for == {"channel": ["b"]}
    wire.greet_stream()
    assert (wire.state, wire.streams) == ("connected", 2)


# How it ends and comes back


def test_a_lost_stream_is_opened_again_from_where_it_was(wire: Wire) -> None:
    streaming(wire).write(SUBSCRIBED, channel="log", epoch="e", offset=7)
    wire.write("n", 8, channel="log", epoch="e", offset=8).run("streams[0].end(); await settle(9)")
    assert wire.state == "reconnecting"
    wire.wait(2)
    assert (wire.dialled, wire.streams) == (2, 2)
    assert wire.asked_for == {"channel": ["log"], "lastEventID": ["1.1,e:8"]}


def test_a_server_that_goes_is_left_at_once(wire: Wire) -> None:
    streaming(wire).wait(6).run("rf.on('error', ({ code }) => tell(code))")
    wire.write("pusher:error", {"code": 4200, "message": "this server is going away"})
    assert wire.told == [[4200], ["reconnecting"]]
    wire.wait(0)
    assert (wire.dialled, wire.streams) == (2, 2)


def test_a_refusal_is_final(wire: Wire) -> None:
    streaming(wire).write("pusher:error", {"code": 4009, "message": "signed out"}).wait(120)
    assert (wire.state, wire.dialled, wire.streams) == ("failed", 2, 1)


def test_who_connects_anew_on_hearing_a_refusal_is_not_refused_by_it(wire: Wire) -> None:
    streaming(wire).run("rf.on('error', () => { rf.disconnect(); rf.connect(); })")
    wire.write("pusher:error", {"code": 4009, "message": "signed out"})
    assert wire.told == [["closed"], ["connecting"]]


def test_a_silent_stream_is_given_up(wire: Wire) -> None:
    streaming(wire).wait(29).write_text(":\n\n").wait(29)
    assert wire.state == "connected"
    wire.wait(12)
    assert (wire.state, wire.get("streams[0].signal.aborted")) == ("reconnecting", True)


def test_coming_online_does_not_end_a_stream_that_lives(wire: Wire) -> None:
    streaming(wire).run("dispatchEvent(new Event('online'))").wait(15)
    assert (wire.state, wire.streams) == ("connected", 1)


def test_after_a_while_the_next_connection_is_a_socket_again(wire: Wire) -> None:
    streaming(wire)
    for _ in range(4):
        wire.wait(20).write_text(":\n\n")
    wire.run("streams[0].end(); await settle(9)").wait(1)
    assert (wire.dialled, wire.streams) == (3, 1)
    wire.greet()
    assert (wire.state, wire.get("rf.transport")) == ("connected", "websocket")
    assert wire.sent == [subscription("log")]


def test_a_socket_that_fails_again_after_a_while_is_enough(wire: Wire) -> None:
    streaming(wire).write(SUBSCRIBED, channel="log", epoch="e", offset=7)
    for _ in range(4):
        wire.wait(20).write_text(":\n\n")
    wire.run("streams[0].end(); await settle(9)").wait(1).close(1006).run("await settle(9)")
    assert (wire.dialled, wire.streams) == (3, 2)
    assert wire.greet_stream().state == "connected"
    assert wire.asked_for["lastEventID"] == ["1.1,e:7"]


def test_a_stream_on_its_way_is_the_only_one(wire: Wire) -> None:
    streaming(wire)
    for _ in range(4):
        wire.wait(20).write_text(":\n\n")
    wire.run("streams[0].end(); await settle(9)").wait(1).close(1006).wait(1)
    assert (wire.dialled, wire.streams, wire.get("streams[1].signal.aborted")) == (4, 2, False)


def test_a_stream_that_cannot_be_had_any_more_gives_sockets_their_turn(wire: Wire) -> None:
    streaming(wire).wait(6).run("streamed = 502; streams[0].end(); await settle(9)").wait(1)
    assert (wire.dialled, wire.streams) == (2, 2)
    wire.wait(2)
    assert wire.dialled == 3


def test_a_socket_recovers_what_a_stream_had_not_heard(wire: Wire) -> None:
    streaming(wire).write(SUBSCRIBED, channel="log", epoch="e", offset=7)
    for _ in range(4):
        wire.wait(20).write_text(":\n\n")
    wire.run("streams[0].end(); await settle(9)").wait(1).greet()
    recover: dict[str, Any] = {"epoch": "e", "offset": 7, "socket_id": "1.1"}
    assert wire.sent == [subscription("log", recover=recover)]


def test_disconnecting_ends_the_stream(wire: Wire) -> None:
    streaming(wire).run("rf.disconnect()").wait(120)
    assert (wire.state, wire.streams, wire.get("streams[0].signal.aborted")) == ("closed", 1, True)
