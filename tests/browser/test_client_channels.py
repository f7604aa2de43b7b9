"""What ``rf.js`` makes of channels: events, leave to join, whispers and presence."""

from __future__ import annotations

import pytest

from .wire import subscription
from .wire import Wire

pytestmark = pytest.mark.browser

NOBODY = {"userId": None}  # what goes with an event of the app's own


# Events


def test_a_greeting_makes_it_connected(wire: Wire) -> None:
    wire.load()
    assert (wire.state, wire.get("rf.socketId")) == ("connecting", "")
    wire.greet()
    assert (wire.state, wire.get("rf.socketId"), wire.told) == ("connected", "1.1", [["connected"]])


def test_a_channel_hears_its_events_and_no_others(wire: Wire) -> None:
    wire.load().greet().run("rf.channel('chat').listen('message', tell)")
    assert wire.sent == [subscription("chat")]
    wire.receive("message", {"text": "hi"}, channel="chat")
    wire.receive("message", {}, channel="other").receive("shout", {}, channel="chat")
    assert wire.told == [["connected"], [{"text": "hi"}, NOBODY]]


def test_a_channel_asked_for_twice_is_one(wire: Wire) -> None:
    wire.load().greet()
    assert wire.get("rf.channel('chat') === rf.channel('chat')")
    assert wire.sent == [subscription("chat")]


def test_data_that_is_no_json_arrives_as_it_is(wire: Wire) -> None:
    wire.load().greet().run("rf.channel('chat').listen('a', (data) => tell(data))")
    wire.receive_text('{"event": "a", "channel": "chat", "data": "plain"}')
    assert wire.told[-1] == ["plain"]


def test_listening_stops(wire: Wire) -> None:
    wire.load().greet().run(
        "const c = rf.channel('c'), first = () => tell('first'), second = () => tell('second');"
        "c.listen('a', first).listen('a', second).stopListening('a', first);"
        "c.listen('b', first).stopListening('b')"
    )
    wire.receive("a", channel="c").receive("b", channel="c")
    assert wire.told == [["connected"], ["second"]]


def test_a_listener_that_throws_does_not_silence_the_next(wire: Wire) -> None:
    wire.load().greet()
    wire.run("rf.channel('c').listen('a', () => { throw Error('mine') }).listen('a', tell)")
    wire.run("window.setTimeout = (f) => { try { f() } catch (e) { tell(e.message) } }")
    wire.receive("a", 1, channel="c")
    assert wire.told[-2:] == [["mine"], [1, NOBODY]]


@pytest.mark.parametrize("text", ["", "{", "null", "7", "[]", '"a"', "{}", '{"event": 7}'])
def test_a_malformed_frame_is_passed_over(wire: Wire, text: str) -> None:
    wire.load().greet().receive_text(text)
    assert wire.state == "connected"


def test_the_servers_errors_are_told(wire: Wire) -> None:
    wire.load().greet().run("rf.on('error', tell)")
    wire.receive("pusher:error", {"code": 4301, "message": "too fast"})
    assert wire.told[-1] == [{"code": 4301, "message": "too fast"}]


# Being let into channels


def test_channels_are_subscribed_on_every_connection(wire: Wire) -> None:
    wire.load().run("rf.channel('chat').subscribed(() => tell('in'))")
    wire.greet().admit("chat")
    assert (wire.sent, wire.told) == ([subscription("chat")], [["connected"], ["in"]])
    wire.close(4200).wait(0).greet().admit("chat")
    assert wire.sent == [subscription("chat")]
    assert wire.told == [["reconnecting"], ["connected"], ["in"]]


def test_a_private_channel_is_authorised_anew_for_every_connection(wire: Wire) -> None:
    wire.load().run("rf.private('orders.7')").greet().close(4200).wait(0).greet()
    asked = [(each["channel_name"], each["socket_id"]) for each in wire.get("asked")]
    assert asked == [("private-orders.7", "1.1"), ("private-orders.7", "2.1")]
    assert wire.sent == [subscription("private-orders.7", auth="flask-rf:signature")]


def test_authorisation_carries_the_csrf_token_and_the_apps_headers(wire: Wire) -> None:
    html = '<meta name="csrf-token" content="t1"><script src="/broadcasting/rf.js"></script>'
    wire.load("{headers: () => ({Authorization: 'Bearer b'})}", html).run("rf.private('a')").greet()
    headers = wire.get("asked[0].headers")
    assert (headers["X-CSRF-TOKEN"], headers["Authorization"]) == ("t1", "Bearer b")


def test_without_a_token_no_header_is_made_up(wire: Wire) -> None:
    wire.load("{headers: {A: 'b'}}").run("rf.private('a')").greet()
    assert wire.get("asked[0].headers") == {"Accept": "application/json", "A": "b"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_channel_is_told_and_not_asked_for_again(wire: Wire, status: int) -> None:
    wire.load().run(f"answer = () => ({{status: {status}}}); rf.private('a').error(tell)")
    wire.greet(activity_timeout=120).wait(60)
    [refusal, _meta] = wire.told[-1]
    assert (refusal["type"], refusal["status"]) == ("AuthError", status)
    assert (wire.get("asked.length"), wire.sent) == (1, [])


def test_a_login_page_in_place_of_an_answer_is_a_refusal(wire: Wire) -> None:
    wire.load().run("fetch = async () => ({status: 200, json: () => JSON.parse('<html>')})")
    wire.run("rf.private('a').error(tell)").greet()
    assert wire.told[-1][0]["status"] == 200


@pytest.mark.parametrize("trouble", ["({status: 503})", "({status: 429})", "{ throw Error() }"])
def test_an_endpoint_in_trouble_is_asked_again(wire: Wire, trouble: str) -> None:
    wire.load().run(f"const well = answer; answer = () => {trouble}; window.well = well")
    wire.run("rf.private('a').error(tell)").greet().wait(0.5)
    assert (wire.get("asked.length"), wire.sent) == (2, [])
    wire.run("answer = well").wait(2)
    assert wire.sent == [subscription("private-a", auth="flask-rf:signature")]


def test_an_answer_for_an_earlier_connection_is_not_used(wire: Wire) -> None:
    wire.load().run(
        "window.late = []; answer = () => new Promise((done) => late.push((auth) =>"
        "  done({status: 200, body: {auth}}))); rf.private('a')"
    )
    wire.greet().close(4200).wait(0).greet().run("late[0]('old')")
    assert wire.sent == []
    wire.run("late[1]('new')")
    assert wire.sent == [subscription("private-a", auth="new")]


def test_the_servers_refusal_reaches_the_channel(wire: Wire) -> None:
    wire.load().run("rf.private('a').error(tell)").greet()
    refusal = {"type": "AuthError", "error": "bad signature", "status": 401}
    wire.receive("pusher:subscription_error", refusal, channel="private-a")
    assert wire.told[-1] == [refusal, NOBODY]


@pytest.mark.parametrize("made", ["channel('a')", "private('a')", "join('a')"])
def test_leaving_by_name_leaves_whatever_kind(wire: Wire, made: str) -> None:
    wire.load().greet().run(f"window.left = rf.{made}; rf.leave('a')")
    name = wire.get("left.name")
    assert wire.sent[-1] == {"event": "pusher:unsubscribe", "data": {"channel": name}}
    wire.close(4200).wait(0).greet()
    assert wire.sent == []


def test_leaving_while_authorisation_is_under_way_subscribes_nothing(wire: Wire) -> None:
    wire.load().greet().run("answer = () => new Promise((done) => (window.late = done))")
    wire.run("rf.private('a')").run("rf.leave('a'); late({status: 200, body: {auth: 'x'}})")
    assert [frame["event"] for frame in wire.sent] == ["pusher:unsubscribe"]


# Whispers and presence


def test_a_whisper_reaches_the_wire_only_while_subscribed(wire: Wire) -> None:
    wire.load().run("rf.private('a').whisper('typing')").greet()
    wire.run("rf.private('a').whisper('typing')").admit("private-a")
    wire.run("rf.private('a').whisper('typing', {at: 7})")
    whispers = [frame for frame in wire.sent if frame["event"] == "client-typing"]
    assert whispers == [{"event": "client-typing", "data": {"at": 7}, "channel": "private-a"}]


def test_a_whisper_is_lost_until_the_channel_is_joined_again(wire: Wire) -> None:
    wire.load().greet().run("rf.private('a')").admit("private-a").close(4200).wait(0).greet()
    wire.run("rf.private('a').whisper('typing')")
    assert [frame["event"] for frame in wire.sent] == ["pusher:subscribe"]


def test_a_whisper_tells_who_whispered(wire: Wire) -> None:
    wire.load().greet().run("rf.join('a').listenForWhisper('typing', tell)")
    wire.receive("client-typing", {"at": 7}, channel="presence-a", user_id="ada")
    assert wire.told[-1] == [{"at": 7}, {"userId": "ada"}]


ADA = {"id": "ada", "name": "Ada"}
GRACE = {"id": "grace", "name": "Grace"}


def present(wire: Wire) -> Wire:
    """Ada is on the channel, listening."""
    wire.load().run(
        """answer = () => ({status: 200, body: {auth: "x", channel_data: '{"user_id": "ada"}'}});
        window.room = rf.join('room').here((all) => tell('here', all));
        room.joining((who) => tell('joining', who)).leaving((who) => tell('leaving', who))"""
    )
    return wire.greet().admit("presence-room", ada={"name": "Ada"})


def test_members_are_told_on_arrival_and_as_they_come_and_go(wire: Wire) -> None:
    present(wire)
    grace = {"user_id": "grace", "user_info": {"name": "Grace"}}
    wire.receive("pusher_internal:member_added", grace, channel="presence-room")
    assert wire.get("room.members") == [ADA, GRACE]
    wire.receive("pusher_internal:member_removed", grace, channel="presence-room")
    assert wire.get("room.members") == [ADA]
    assert wire.told[1:] == [["here", [ADA]], ["joining", GRACE], ["leaving", GRACE]]


def test_the_presence_channel_knows_which_member_we_are(wire: Wire) -> None:
    assert present(wire).get("room.me") == "ada"


def test_a_member_told_twice_joins_once(wire: Wire) -> None:
    ada = {"user_id": "ada", "user_info": {"name": "Countess"}}
    present(wire).receive("pusher_internal:member_added", ada, channel="presence-room")
    wire.receive("pusher_internal:member_removed", {"user_id": "x"}, channel="presence-room")
    assert (wire.told[2:], wire.get("room.members[0].name")) == ([], "Countess")


def test_we_never_leave_while_we_are_subscribed(wire: Wire) -> None:
    present(wire).receive(
        "pusher_internal:member_removed", {"user_id": "ada"}, channel="presence-room"
    )
    assert (wire.told[2:], wire.get("room.members")) == ([], [ADA])


def test_members_are_told_anew_after_a_reconnection(wire: Wire) -> None:
    present(wire).close(4200).wait(0).greet()
    assert wire.get("room.members") == [ADA]  # kept meanwhile
    wire.admit("presence-room", ada={"name": "Ada"}, grace={"name": "Grace"})
    assert wire.told[-1] == ["here", [ADA, GRACE]]


def test_whoever_asks_late_is_told_who_is_here(wire: Wire) -> None:
    present(wire).run("room.here((all) => tell('late', all)).subscribed(() => tell('late'))")
    assert wire.told[-2:] == [["late", [ADA]], ["late"]]


def test_members_without_info_have_an_id(wire: Wire) -> None:
    present(wire).receive("pusher_internal:member_added", {"user_id": "7"}, channel="presence-room")
    assert wire.told[-1] == ["joining", {"id": "7"}]


def test_no_listener_hears_after_off(wire: Wire) -> None:
    wire.load().run("rf.on('error', tell); rf.off('error', tell); rf.off('state')").greet()
    wire.receive("pusher:error", {"code": 4301})
    assert wire.told == []
