from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast.session import Action
from flask_rf.broadcast.session import Close
from flask_rf.broadcast.session import Member
from flask_rf.broadcast.session import Rules
from flask_rf.broadcast.session import Send
from flask_rf.broadcast.session import Session
from flask_rf.broadcast.session import SignIn
from flask_rf.broadcast.session import Subscribe
from flask_rf.broadcast.session import Unsubscribe
from flask_rf.broadcast.session import Whisper
from flask_rf.broadcast.signature import Signer

SIGNER = Signer("key", ("secret",))


class Talk:
    """A session and the words said to it."""

    def __init__(self, **rules: int) -> None:
        self.session = Session("1.1", SIGNER, Rules(**rules))

    def say(self, event: str, data: Any = None, now: float = 0.0, **keys: Any) -> list[Action]:
        return self.session.receive(json.dumps({"event": event, "data": data, **keys}), now)

    def subscribe(self, channel: str, data: str | None = None, auth: str = "") -> list[Action]:
        auth = auth or SIGNER.channel("1.1", channel, data)
        fields = {"channel": channel, "auth": auth, "channel_data": data}
        return self.say("pusher:subscribe", fields)


def told(actions: list[Action]) -> dict[str, Any]:
    """The one message in ``actions``, its data decoded."""
    (action,) = actions
    assert isinstance(action, Send)
    message: dict[str, Any] = json.loads(action.message)
    return {**message, "data": json.loads(message["data"])}


def test_a_ping_is_answered_by_a_pong() -> None:
    for data in ({}, ""):
        assert told(Talk().say("pusher:ping", data))["event"] == "pusher:pong"


def test_a_public_channel_needs_no_signature() -> None:
    (action,) = Talk().say("pusher:subscribe", {"channel": "chat", "auth": ""})
    assert isinstance(action, Subscribe)
    assert (action.channel.name, action.member) == ("chat", None)


def test_a_private_channel_needs_the_signature_of_this_socket() -> None:
    talk = Talk()
    foreign = SIGNER.channel("2.2", "private-a")
    for auth in ("nonsense", "key:", foreign):
        refusal = told(talk.subscribe("private-a", auth=auth))
        assert refusal["event"] == "pusher:subscription_error"
        assert refusal["data"]["status"] == 401
    assert isinstance(talk.subscribe("private-a")[0], Subscribe)


def test_a_presence_channel_tells_who_comes() -> None:
    (action,) = Talk().subscribe("presence-a", '{"user_id":7,"user_info":{"name":"Ann"}}')
    assert isinstance(action, Subscribe)
    assert action.member == Member("7", {"name": "Ann"})


@pytest.mark.parametrize(
    "data", ["", "nonsense", "[]", "{}", '{"user_id":""}', '{"user_id":[1]}', '{"user_id":null}']
)
def test_a_presence_channel_needs_a_user_id(data: str) -> None:
    assert told(Talk().subscribe("presence-a", data))["data"]["status"] == 400


def test_too_much_user_info_is_refused() -> None:
    data = json.dumps({"user_id": "7", "user_info": "x" * 2000})
    assert "1024 bytes" in told(Talk().subscribe("presence-a", data))["data"]["error"]


@pytest.mark.parametrize("name", ["a b", "", "x" * 300, "#other"])
def test_a_name_outside_the_rules_is_refused(name: str) -> None:
    refusal = told(Talk().say("pusher:subscribe", {"channel": name}))
    assert refusal["data"]["status"] == 400


def test_nobody_joins_another_users_own_channel() -> None:
    refusal = told(Talk().say("pusher:subscribe", {"channel": "#server-to-user-7"}))
    assert refusal["data"]["status"] == 401


def test_a_second_subscription_to_a_channel_changes_nothing() -> None:
    talk = Talk()
    talk.subscribe("chat")
    assert talk.subscribe("chat") == []


def test_subscriptions_are_limited() -> None:
    talk = Talk(subscriptions=2)
    talk.subscribe("a"), talk.subscribe("b")
    assert told(talk.subscribe("c"))["data"]["type"] == "LimitReached"


def test_unsubscribing_needs_a_subscription() -> None:
    talk = Talk()
    assert talk.say("pusher:unsubscribe", {"channel": "chat"}) == []
    talk.subscribe("chat")
    assert isinstance(talk.say("pusher:unsubscribe", {"channel": "chat"})[0], Unsubscribe)


def test_a_client_event_is_passed_on_with_the_user_it_came_from() -> None:
    talk = Talk()
    talk.subscribe("presence-a", '{"user_id":"7"}')
    (action,) = talk.say("client-typing", {"x": 1}, channel="presence-a")
    assert isinstance(action, Whisper)
    message = json.loads(action.message)
    assert message["user_id"] == "7"
    assert json.loads(message["data"]) == {"x": 1}


@pytest.mark.parametrize("channel", ["chat", "private-encrypted-a", "private-b", None])
def test_client_events_are_for_members_of_private_and_presence_channels(channel: Any) -> None:
    talk = Talk()
    talk.subscribe("chat"), talk.subscribe("private-encrypted-a")
    assert told(talk.say("client-x", {}, channel=channel))["data"]["code"] == 4301


def test_client_events_are_limited_by_the_second() -> None:
    talk = Talk(messages_per_second=2)
    talk.subscribe("private-a")
    said = [talk.say("client-x", {}, now=5.1, channel="private-a") for _ in range(3)]
    assert [isinstance(actions[0], Whisper) for actions in said] == [True, True, False]
    assert isinstance(talk.say("client-x", {}, now=6.0, channel="private-a")[0], Whisper)


def sign_in(talk: Talk, data: str, signer: Signer = SIGNER) -> list[Action]:
    return talk.say("pusher:signin", {"auth": signer.user("1.1", data), "user_data": data})


def test_signing_in_opens_the_users_own_channel() -> None:
    talk = Talk()
    (action,) = sign_in(talk, '{"id":"7","watchlist":["8",9,"8"]}')
    assert action == SignIn("7", ("8", "9"), '{"id":"7","watchlist":["8",9,"8"]}')
    (action,) = talk.say("pusher:subscribe", {"channel": "#server-to-user-7", "auth": ""})
    assert isinstance(action, Subscribe)
    refusal = told(talk.say("pusher:subscribe", {"channel": "#server-to-user-8"}))
    assert refusal["data"]["status"] == 401


def test_a_forged_sign_in_ends_the_connection() -> None:
    (action,) = sign_in(Talk(), '{"id":"7"}', Signer("key", ("forged",)))
    assert isinstance(action, Close) and action.code == 4009


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"id":7}', '{"id":""}', '{"id":"a b"}'])
def test_a_sign_in_needs_a_user_with_an_id(data: str) -> None:
    (action,) = sign_in(Talk(), data)
    assert isinstance(action, Close)


def test_a_sign_in_with_an_id_that_no_channel_can_have_is_told_so() -> None:
    (action,) = sign_in(Talk(), '{"id":"auth0|123"}')
    assert isinstance(action, Close) and action.code == 4009
    assert "not '#server-to-user-auth0|123'" in action.reason


def test_a_connection_is_one_users_for_good() -> None:
    talk = Talk()
    sign_in(talk, '{"id":"7"}')
    assert told(sign_in(talk, '{"id":"7"}'))["event"] == "pusher:signin_success"
    assert isinstance(sign_in(talk, '{"id":"8"}')[0], Close)


def test_a_watchlist_is_cut_to_its_limit() -> None:
    (action,) = sign_in(Talk(watchlist=2), '{"id":"7","watchlist":["1","2","3"]}')
    assert isinstance(action, SignIn) and action.follows == ("1", "2")


def test_nonsense_is_answered_and_an_unknown_event_ignored() -> None:
    talk = Talk()
    assert told(talk.session.receive("nonsense", 0.0))["event"] == "pusher:error"
    assert talk.say("pusher:brand-new", {}) == []


@given(
    st.sampled_from(["pusher:subscribe", "pusher:unsubscribe", "client-x", "pusher:signin"]),
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["channel", "auth", "channel_data", "user_id"]), inner
            )
        ),
    ),
    st.none() | st.text() | st.integers(),
)
def test_nothing_a_client_says_raises(event: str, data: Any, channel: Any) -> None:
    Talk().say(event, data, channel=channel)
