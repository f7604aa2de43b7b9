from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_login import UserMixin

from flask_rf import Broadcast
from flask_rf import ConfigurationError
from flask_rf.broadcast.options import BroadcastOptions
from flask_rf.broadcast.signature import Signer

SOCKET = "12.34"


def ask(client: FlaskClient, channel: str, socket_id: str = SOCKET) -> Any:
    form = {"socket_id": socket_id, "channel_name": channel}
    return client.post("/broadcasting/auth", data=form)


@pytest.fixture
def broadcast(app: Flask) -> Broadcast:
    return Broadcast(app, app_key="key", app_secret="secret")


def test_leave_is_signed_for_socket_and_channel(app: Flask, broadcast: Broadcast) -> None:
    broadcast.channel("private-a")(lambda user: True)
    signer = Signer("key", ("secret",))
    for path in ("/broadcasting/auth", "/pusher/auth"):
        form = {"socket_id": SOCKET, "channel_name": "private-a"}
        answer = app.test_client().post(path, data=form)
        assert answer.json == {"auth": signer.channel(SOCKET, "private-a")}


def test_leave_may_be_asked_for_in_json(app: Flask, broadcast: Broadcast) -> None:
    broadcast.channel("private-a")(lambda user: True)
    body = {"socket_id": SOCKET, "channel_name": "private-a"}
    assert app.test_client().post("/broadcasting/auth", json=body).status_code == 200


def test_nobody_joins_without_a_callback_that_says_yes(app: Flask, broadcast: Broadcast) -> None:
    broadcast.channel("private-no")(lambda user: False)
    broadcast.channel("private-none")(lambda user: None)
    for channel in ("private-no", "private-none", "private-unknown", "presence-unknown"):
        assert ask(app.test_client(), channel).status_code == 403


def test_the_first_pattern_that_fits_decides(app: Flask, broadcast: Broadcast) -> None:
    broadcast.channel("private-orders.{id}")(lambda user, id: id == "7")
    broadcast.channel("private-orders.8")(lambda user: True)
    assert ask(app.test_client(), "private-orders.7").status_code == 200
    assert ask(app.test_client(), "private-orders.8").status_code == 403


@pytest.mark.parametrize(
    "user", [{"id": 7}, type("User", (), {"id": 7}), type("U", (), {"get_id": lambda: "7"}), 7, "7"]
)
def test_a_users_id_is_found_whatever_stands_for_a_user(
    app: Flask, broadcast: Broadcast, user: Any
) -> None:
    broadcast.user(lambda: user)
    broadcast.channel("presence-a")(lambda user: {"name": "Ann"})
    answer = ask(app.test_client(), "presence-a").json
    assert app.json.loads(answer["channel_data"]) == {"user_id": "7", "user_info": {"name": "Ann"}}
    signer = Signer("key", ("secret",))
    assert signer.accepts_channel(answer["auth"], SOCKET, "presence-a", answer["channel_data"])


@pytest.mark.parametrize("user", [None, "", {}, {"id": ""}, True])
def test_a_presence_channel_needs_a_user(app: Flask, broadcast: Broadcast, user: Any) -> None:
    broadcast.user(lambda: user)
    broadcast.channel("presence-a")(lambda user: True)
    assert ask(app.test_client(), "presence-a").status_code == 403


def test_flask_logins_user_is_asked_about_by_default(app: Flask, broadcast: Broadcast) -> None:
    class Ann(UserMixin):
        id = "ann"

    login = LoginManager(app)
    login.request_loader(lambda request: Ann() if request.headers.get("X-Ann") else None)
    broadcast.channel("private-{name}")(lambda user, name: user is not None and user.id == name)
    form = {"socket_id": SOCKET, "channel_name": "private-ann"}
    client = app.test_client()
    assert client.post("/broadcasting/auth", data=form, headers={"X-Ann": "1"}).status_code == 200
    assert client.post("/broadcasting/auth", data=form).status_code == 403


def test_no_more_of_a_watchlist_is_signed_than_counts(app: Flask, broadcast: Broadcast) -> None:
    broadcast.user(lambda: "ann")
    broadcast.watchlist(lambda user: [f"friend-{n}" for n in range(5_000)])
    signed = app.test_client().post("/broadcasting/user-auth", data={"socket_id": SOCKET}).json
    assert signed and len(signed["user_data"]) < BroadcastOptions.max_message
    assert json.loads(signed["user_data"])["watchlist"] == [f"friend-{n}" for n in range(100)]


@pytest.mark.parametrize(
    ("channel", "socket_id"),
    [("", SOCKET), ("private a", SOCKET), ("private-a", ""), ("private-a", "1.1:private-b")],
)
def test_what_cannot_be_signed_is_a_bad_request(
    app: Flask, broadcast: Broadcast, channel: str, socket_id: str
) -> None:
    broadcast.channel("private-a")(lambda user: True)
    assert ask(app.test_client(), channel, socket_id).status_code == 400


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'"text"', b'{"socket_id":[]}'])
def test_a_body_of_another_shape_is_a_bad_request(
    app: Flask, broadcast: Broadcast, body: bytes
) -> None:
    answer = app.test_client().post(
        "/broadcasting/auth", data=body, content_type="application/json"
    )
    assert answer.status_code == 400


def test_a_public_channel_needs_no_leave(app: Flask, broadcast: Broadcast) -> None:
    assert ask(app.test_client(), "chat").status_code == 403


@pytest.mark.parametrize("pattern", ["", "private a", "cache-news", "private-{a}.{a}"])
def test_a_pattern_no_channel_fits_is_refused(broadcast: Broadcast, pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="channel="):
        broadcast.channel(pattern)(lambda user, a: True)


def test_a_callback_without_a_pattern_is_refused_where_it_stands(broadcast: Broadcast) -> None:
    with pytest.raises(ConfigurationError, match="write @broadcast.channel"):

        @broadcast.channel  # type: ignore[arg-type]
        def may_listen(user: object) -> bool:
            return True


def test_a_callback_that_lacks_a_parameter_is_refused_by_name(broadcast: Broadcast) -> None:
    with pytest.raises(ConfigurationError, match=r"def may_listen\(user, order_id\)"):

        @broadcast.channel("private-orders.{order_id}")
        def may_listen(user: Any) -> bool:
            return True
