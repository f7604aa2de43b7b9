"""What ``rf.js`` promises, held against a server and a clock in the test's hand."""

from __future__ import annotations

import gzip

import pytest

from .wire import CLIENT
from .wire import Wire

pytestmark = pytest.mark.browser

NOBODY = {"userId": None}  # what goes with an event of the app's own
PING = {"event": "pusher:ping", "data": {}}


def subscription(channel: str, **more: str) -> dict[str, object]:
    return {"event": "pusher:subscribe", "data": {"channel": channel, "auth": "", **more}}


def test_it_is_smaller_than_five_kilobytes_gzipped() -> None:
    assert len(gzip.compress(CLIENT.read_bytes())) < 5000


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
