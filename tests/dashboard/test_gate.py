"""Who may see the dashboard."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask
from flask import request
from flask.testing import FlaskClient

from flask_rf import Broadcast
from flask_rf import ConfigurationError
from flask_rf import Dashboard
from flask_rf.dashboard.gate import COOKIE

TOKEN = "a long enough token"
OUTSIDE = {"REMOTE_ADDR": "198.51.100.7"}


def watched(app: Flask, **options: Any) -> FlaskClient:
    Broadcast(app)
    Dashboard(app, **options)
    return app.test_client()


def sees(client: FlaskClient, **options: Any) -> bool:
    response = client.get("/rf", environ_base=OUTSIDE, **options)
    shown = "data-channel" in response.text
    assert response.status_code == (200 if shown else 404)
    return shown


def may_join(client: FlaskClient, **options: Any) -> bool:
    form = {"socket_id": "1.1", "channel_name": "private-rf-dashboard"}
    response = client.post("/broadcasting/auth", data=form, environ_base=OUTSIDE, **options)
    assert response.status_code in (200, 403)
    return response.status_code == 200


def test_in_production_it_refuses_to_start_open(app: Flask) -> None:
    Broadcast(app)
    with pytest.raises(ConfigurationError, match="RF_DASHBOARD=True: say who may see it, by RF_D"):
        Dashboard(app)


@pytest.mark.parametrize("allow", ["0.0.0.0/0", "10.0.0.0/8,::/0", "::ffff:0:0/96"])
@pytest.mark.parametrize("options", [{}, {"token": TOKEN}, {"login": lambda: False}])
def test_in_production_it_refuses_to_start_open_to_every_network(
    app: Flask, allow: str, options: dict[str, Any]
) -> None:
    Broadcast(app)
    app.config["RF_DASHBOARD_ALLOW"] = allow
    with pytest.raises(ConfigurationError, match="RF_DASHBOARD_ALLOW='.*/0': it lets anybody in"):
        Dashboard(app, **options)


def test_in_debug_mode_every_network_may_be_allowed(app: Flask) -> None:
    app.debug = True
    assert sees(watched(app, allow="0.0.0.0/0"))


def test_in_debug_mode_this_machine_sees_it(app: Flask) -> None:
    app.debug = True
    client = watched(app)
    assert client.get("/rf").status_code == 200
    assert not sees(client)
    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    assert client.get("/rf", headers=forwarded).status_code == 404


def test_networks_may_be_allowed(app: Flask) -> None:
    client = watched(app, allow="198.51.100.0/24")
    assert sees(client) and may_join(client)
    assert client.get("/rf").status_code == 404


def test_the_apps_own_login_may_decide(app: Flask) -> None:
    client = watched(app, login=lambda: request.headers.get("X-Admin") == "yes")
    assert not sees(client) and not may_join(client)
    admin = {"headers": {"X-Admin": "yes"}}
    assert sees(client, **admin) and may_join(client, **admin)


def test_a_login_that_fails_keeps_it_closed(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    client = watched(app, login=lambda: 1 / 0)
    assert not sees(client)
    assert "RF_DASHBOARD_LOGIN failed" in caplog.text


def test_strangers_are_asked_for_the_token_and_told_nothing_else(app: Flask) -> None:
    client = watched(app, token=TOKEN)
    response = client.get("/rf", environ_base=OUTSIDE)
    assert response.status_code == 401
    assert 'type="password"' in response.text and "data-channel" not in response.text
    for file, status in (("dashboard.css", 200), ("page.js", 404), ("figures.js", 404)):
        found = client.get(f"/rf/static/{file}", environ_base=OUTSIDE)
        assert found.status_code == status
        found.close()
    assert not may_join(client)


def test_who_types_the_token_is_let_in(app: Flask) -> None:
    client = watched(app, token=TOKEN)
    response = client.post("/rf/sign-in", data={"token": TOKEN}, environ_base=OUTSIDE)
    assert (response.status_code, response.headers["Location"]) == (303, "/rf")
    cookie = response.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
        assert part in cookie
    assert "Secure" not in cookie and TOKEN not in cookie
    assert sees(client) and may_join(client)


def test_over_https_the_cookie_is_for_https_alone(app: Flask) -> None:
    client = watched(app, token=TOKEN)
    response = client.post("/rf/sign-in", data={"token": TOKEN}, base_url="https://shop.example")
    assert "Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "\udcff", "é"])
def test_who_types_another_is_not(app: Flask, token: str) -> None:
    client = watched(app, token=TOKEN)
    response = client.post("/rf/sign-in", data={"token": token.encode("utf-8", "replace")})
    assert response.status_code == 401
    assert "That is not the token" in response.text
    assert "Set-Cookie" not in response.headers


def test_scripts_send_it_as_bearer(app: Flask) -> None:
    client = watched(app, token=TOKEN)
    assert sees(client, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize("cookie", ["", "in", "in.AAAA.bbbb", "in." + "x" * 60, "\xff"])
def test_a_cookie_of_ones_own_making_opens_nothing(app: Flask, cookie: str) -> None:
    client = watched(app, token=TOKEN)
    client.set_cookie(COOKIE, cookie)
    assert client.get("/rf", environ_base=OUTSIDE).status_code == 401


def test_after_twelve_hours_it_is_to_be_typed_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = watched(app, token=TOKEN)
    client.post("/rf/sign-in", data={"token": TOKEN})
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 12 * 3600 + 60)
    assert client.get("/rf", environ_base=OUTSIDE).status_code == 401


def test_a_new_token_ends_what_the_old_one_has_opened(app: Flask) -> None:
    client = watched(app, token=TOKEN)
    client.post("/rf/sign-in", data={"token": TOKEN})
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    other = watched(Flask("shop"), token="another token, as long")
    other.set_cookie(COOKIE, cookie.value)
    assert other.get("/rf", environ_base=OUTSIDE).status_code == 401


def test_without_a_token_there_is_nothing_to_sign_in_to(app: Flask) -> None:
    client = watched(app, allow="10.0.0.0/8")
    assert client.post("/rf/sign-in", data={"token": ""}).status_code == 404


def test_callbacks_of_the_app_give_no_leave_to_join_its_channel(app: Flask) -> None:
    broadcast = Broadcast(app)
    broadcast.user(lambda: "ann")
    broadcast.channel("private-{anything}")(lambda user, anything: True)
    Dashboard(app, token=TOKEN)
    assert not may_join(app.test_client())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RF_DASHBOARD_TOKEN", "short"),
        ("RF_DASHBOARD_PATH", "rf"),
        ("RF_DASHBOARD_PATH", "/"),
        ("RF_DASHBOARD_ALLOW", "everybody"),
        ("RF_DASHBOARD_LOGIN", "is_admin"),
        ("RF_DASHBOARD", "perhaps"),
        ("RF_DASHBOARD_TOKNE", TOKEN),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(app: Flask, key: str, value: str) -> None:
    Broadcast(app)
    app.config[key] = value
    with pytest.raises(ConfigurationError, match=key) as refused:
        Dashboard(app)
    assert "short" not in str(refused.value)
