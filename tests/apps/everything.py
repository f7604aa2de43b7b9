"""An app with everything on, as test_together meets it: by Flask's client and in gunicorn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
from flask import Flask
from flask import redirect
from flask import request
from flask import Response
from flask import session
from flask_login import current_user
from flask_login import login_required
from flask_login import login_user
from flask_login import LoginManager
from flask_login import UserMixin

from flask_rf import current_request_id
from flask_rf import RF

ORIGIN = "https://shop.example"
TEXT = "one line that repeats itself\n" * 100

#: A machine that is full or busy is in good health here.
PATIENCE = {"HEALTH_DISK_FAIL": 100, "HEALTH_MEMORY_FAIL": 100}
PATIENCE |= {"HEALTH_TIMEOUT": 60, "HEALTH_TOTAL_TIMEOUT": 60}


class User(UserMixin):
    id = "ann"


def make_app(**config: Any) -> Flask:
    """The app; ``seen`` in its extensions keeps the paths that its own function met."""
    app = Flask("shop")
    app.config.update(
        SECRET_KEY="a secret of the tests",
        MAX_CONTENT_LENGTH=1000,
        CORS_ORIGINS=ORIGIN,
        CORS_METHODS=["PUT"],
        CORS_SUPPORTS_CREDENTIALS=True,
        COMPRESS_ALGORITHM="gzip",
        COMPRESS_MIN_SIZE=1,
        **PATIENCE,
    )
    app.config.update(config)
    rf = RF(app)
    logins = LoginManager(app)
    logins.user_loader(lambda _: User())
    seen: list[str] = app.extensions.setdefault("seen", [])
    app.before_request(lambda: seen.append(request.path))
    _add_pages(app)
    _add_orders(app, rf)
    return app


def _add_pages(app: Flask) -> None:
    @app.get("/")
    def index() -> Response:
        session["visits"] = session.get("visits", 0) + 1
        return Response(TEXT, headers=[("Vary", "Cookie"), ("Vary", "cookie")])

    @app.get("/tagged")
    def tagged() -> Response:
        response = Response(TEXT)
        response.set_etag("v1")
        return response.make_conditional(request)

    @app.get("/stream")
    def stream() -> Iterator[str]:
        session["visits"] = 1
        return iter([TEXT] * 3)

    @app.get("/moved")
    def moved() -> Any:
        return redirect("/")

    @app.get("/broken")
    def broken() -> str:
        raise LookupError("gone")

    @app.get("/impatient")
    def impatient() -> str:
        raise gevent.Timeout(5)

    @app.get("/id")
    def request_id() -> str:
        return current_request_id() or ""


def _add_orders(app: Flask, rf: RF) -> None:
    @app.post("/login")
    def login() -> str:
        login_user(User(), remember=True)
        return "welcome"

    @app.get("/account")
    @login_required
    def account() -> str:
        return f"{current_user.id}'s account " * 10

    @app.route("/orders", methods=["PUT"])
    @rf.limiter.limit("1/hour")
    def orders() -> str:
        return request.get_data(as_text=True) * 100

    @app.post("/upload")
    def upload() -> str:
        return request.get_data(as_text=True)


app = make_app()
