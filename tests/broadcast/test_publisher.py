from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.json.provider import DefaultJSONProvider

from flask_rf import Broadcast
from flask_rf import BroadcastError
from flask_rf.broadcast.publisher import Audience


@dataclass
class User:
    id: int


class LoginUser:
    """As Flask-Login has it."""

    def get_id(self) -> str:
        return "ann"


@pytest.fixture
def broadcast(app: Flask) -> Broadcast:
    return Broadcast(app)


@pytest.mark.parametrize(
    ("user", "channel"),
    [
        (7, "#server-to-user-7"),
        ("ann@example.com", "#server-to-user-ann@example.com"),
        (User(7), "#server-to-user-7"),
        ({"id": "7"}, "#server-to-user-7"),
        (LoginUser(), "#server-to-user-ann"),
        (uuid.UUID(int=7), "#server-to-user-00000000-0000-0000-0000-000000000007"),
    ],
)
def test_a_user_is_reached_by_whatever_stands_for_them(
    broadcast: Broadcast, user: Any, channel: str
) -> None:
    with broadcast.fake() as sent:
        broadcast.to_user(user).send("reminder")
    sent.assert_sent("reminder", channel=channel)


@pytest.mark.parametrize("user", ["ann lee", "ann+shop@example.com", "né", "x" * 200])
def test_a_user_id_that_no_channel_can_hold_is_an_error(broadcast: Broadcast, user: str) -> None:
    with pytest.raises(BroadcastError, match="'reminder' was not sent.*a channel name has"):
        broadcast.to_user(user).send("reminder")


@pytest.mark.parametrize("user", [None, "", {}, User(None)])  # type: ignore[arg-type]
def test_nobody_is_no_user_to_send_to(broadcast: Broadcast, user: Any) -> None:
    with pytest.raises(TypeError, match=r"to_user\(\) needs a user with an id"):
        broadcast.to_user(user)


@pytest.mark.parametrize("channels", [(), (["chat", "news"],), (None,)])
def test_to_says_how_it_takes_channels(broadcast: Broadcast, channels: Any) -> None:
    with pytest.raises(TypeError, match=r"as in to\('chat', 'news'\)"):
        broadcast.to(*channels)


@pytest.mark.parametrize(
    ("data", "why"), [(object(), "object is not JSON serializable"), ({"x": math.nan}, "float")]
)
def test_data_that_browsers_could_not_read_are_an_error(
    broadcast: Broadcast, data: Any, why: str
) -> None:
    with pytest.raises(BroadcastError, match=f"its data is no JSON: .*{why}"):
        broadcast.to("chat").send("message", data)


def test_leaving_out_a_socket_leaves_the_audience_as_it_was() -> None:
    published: list[tuple[Any, ...]] = []
    publish: Callable[..., None] = lambda *facts: published.append(facts)  # noqa: E731
    everybody = Audience(publish, ("chat",))
    everybody.except_("1.2").send("a")
    everybody.send("b", on_error="drop")
    assert published == [
        (("chat",), "a", None, "1.2", "raise"),
        (("chat",), "b", None, "", "drop"),
    ]


def test_a_channel_named_twice_hears_the_event_once(broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        broadcast.to("a", "b", "a").send("news")
    assert sent.events[0].channels == ("a", "b")


def test_half_a_surrogate_pair_that_somebody_wrote_harms_no_sender(broadcast: Broadcast) -> None:
    provider = broadcast.compiled._app.json
    assert isinstance(provider, DefaultJSONProvider)
    provider.ensure_ascii = False
    with broadcast.fake() as sent:
        broadcast.to("a").send("news", "\ud800")
    sent.assert_sent("news")


def test_a_cached_event_is_there_for_newcomers_before_anybody_hears_it(
    broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broadcast.compiled.server.broker
    found = []
    look = lambda events: found.append(broker.remembered("cache-a"))  # noqa: E731
    monkeypatch.setattr(broker, "publish", look)
    broadcast.to("cache-a").send("news", 1)
    assert found == [b'{"event":"news","channel":"cache-a","data":"1"}']
