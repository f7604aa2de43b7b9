"""The recipe, and the page it serves."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from flask import Flask

import flask_rf
from flask_rf import Broadcast
from flask_rf import Dashboard
from flask_rf import hooks
from flask_rf import RF
from flask_rf import SetupError
from flask_rf.dashboard.window import BOUNDS
from flask_rf.signals import socket_opened

TOKEN = "a long enough token"
FOLDER = Path(flask_rf.__file__).parent / "dashboard"
FILES = [file for file in FOLDER.rglob("*") if file.suffix in (".html", ".css", ".js")]


def test_it_is_off_unless_it_is_asked_for(app: Flask) -> None:
    rf = RF(app)
    assert app.test_client().get("/rf").status_code == 404
    with pytest.raises(SetupError, match="RF_DASHBOARD=true"):
        rf.dashboard.compiled  # noqa: B018


def test_a_setting_asks_for_it(app: Flask) -> None:
    app.config.update(RF_DASHBOARD="true", RF_DASHBOARD_TOKEN=TOKEN)
    RF(app)
    assert app.test_client().get("/rf").status_code == 401


def test_without_broadcasting_it_is_refused(app: Flask) -> None:
    with pytest.raises(SetupError, match="live over broadcasting: set up Broadcast"):
        Dashboard(app, token=TOKEN)
    app.config.update(RF_DASHBOARD=True, RF_DASHBOARD_TOKEN=TOKEN)
    with pytest.raises(SetupError, match="live over broadcasting"):
        RF(Flask("other"), broadcast=None, dashboard=Dashboard(token=TOKEN))


def test_the_page_is_private_and_runs_nothing_but_its_own(app: Flask) -> None:
    Broadcast(app)
    Dashboard(app, allow="127.0.0.0/8")
    response = app.test_client().get("/rf")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_downloaded_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!data:)", text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_others_have_written_never_becomes_html(file: Path) -> None:
    """Keys, routes and channels are strangers' words."""
    text = file.read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|\| *safe", text
    )


@pytest.mark.parametrize("served", ["a request", "a socket"])
def test_a_process_tells_of_itself_once_it_serves(app: Flask, served: str) -> None:
    """Most servers say nothing as a worker starts."""
    Broadcast(app)
    publisher = Dashboard(app, allow="127.0.0.0/8").compiled
    assert publisher._started_in != os.getpid()
    if served == "a request":
        app.test_client().get("/nowhere").close()
    else:
        socket_opened.send(app, socket_id="1.1")
    assert publisher._started_in == os.getpid()


def test_the_page_is_told_what_its_script_needs(app: Flask) -> None:
    app.config.update(BROADCAST_APP_KEY="shop-key", APPLICATION_ROOT="/")
    Broadcast(app)
    Dashboard(app, allow="127.0.0.0/8")
    text = app.test_client().get("/rf").text
    assert 'data-key="shop-key"' in text and 'data-channel="rf-dashboard"' in text
    bounds = re.search(r'data-bounds="([^"]*)"', text)
    assert bounds and json.loads(bounds[1]) == [float(bound) for bound in BOUNDS]


def test_under_a_mount_its_files_are_found(app: Flask) -> None:
    Broadcast(app)
    Dashboard(app, token=TOKEN)
    client = app.test_client()
    mount = {"SCRIPT_NAME": "/shop"}
    signed_in = client.post("/rf/sign-in", data={"token": TOKEN}, environ_overrides=mount)
    assert signed_in.headers["Location"] == "/shop/rf"
    assert "Path=/shop" in signed_in.headers["Set-Cookie"]
    client.set_cookie("rf_dashboard", client.get_cookie("rf_dashboard", path="/shop").value)  # type: ignore[union-attr]
    text = client.get("/rf", environ_overrides=mount).text
    assert 'src="/shop/rf/static/page.js"' in text and 'src="/shop/broadcasting/rf.js"' in text


def test_the_forms_of_an_app_that_guards_them_carry_its_token(app: Flask) -> None:
    """As Flask-WTF's ``csrf_token()``."""
    app.jinja_env.globals["csrf_token"] = lambda: "c5rf"
    Broadcast(app)
    Dashboard(app, token=TOKEN)
    client = app.test_client()
    assert 'name="csrf_token" value="c5rf"' in client.get("/rf").text
    client.post("/rf/sign-in", data={"token": TOKEN})
    assert '<meta name="csrf-token" content="c5rf">' in client.get("/rf").text


def test_the_page_is_neither_limited_nor_logged_but_guesses_are(app: Flask) -> None:
    Broadcast(app)
    Dashboard(app, token=TOKEN)
    exempt = hooks.exempt_endpoints(app)
    assert {"rf_dashboard.page", "rf_dashboard.static"} <= exempt
    assert "rf_dashboard.sign_in" not in exempt


def test_it_can_be_elsewhere(app: Flask) -> None:
    Broadcast(app)
    Dashboard(app, allow="127.0.0.0/8", path="/internal/board/")
    assert app.test_client().get("/internal/board").status_code == 200
    assert app.test_client().get("/rf").status_code == 404
