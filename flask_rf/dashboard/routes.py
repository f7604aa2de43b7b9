"""The page, what it is made of, and the form for the token."""

from __future__ import annotations

from typing import Any

from flask import abort
from flask import Flask
from flask import redirect
from flask import render_template
from flask import request
from flask import Response
from flask import url_for

from ..blueprints import EveryHost
from .gate import Gate
from .publisher import CHANNEL
from .window import BOUNDS

NAME = "rf_dashboard"
#: Those that no limit concerns; guesses at the token are the limiter's affair.
OPEN_ENDPOINTS = (f"{NAME}.page", f"{NAME}.static")

#: No script but ours, no download from elsewhere, no frame around it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def make_blueprint(app: Flask, gate: Gate, path: str, key: str) -> EveryHost:
    """The routes of one app's dashboard.

    :param path: where it is.
    :param key: of broadcasting, which its script connects with.
    """
    blueprint = EveryHost(
        NAME,
        __name__,
        url_prefix=path,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    routes = _Routes(app, gate, key)
    blueprint.before_request(routes.guard)
    blueprint.after_request(_protect)
    blueprint.add_url_rule("", "page", routes.page)
    blueprint.add_url_rule("/sign-in", "sign_in", routes.sign_in, methods=["POST"])
    return blueprint


class _Routes:
    def __init__(self, app: Flask, gate: Gate, key: str) -> None:
        self._app = app
        self._gate = gate
        self._key = key

    def guard(self) -> Any:
        """Let nobody pass who may not see it; ask strangers for the token, if there is one."""
        if self._gate.admits() or request.endpoint == f"{NAME}.sign_in":
            return None
        if request.endpoint == f"{NAME}.page" and self._gate.has_token:
            return self._form(401)
        if request.endpoint == f"{NAME}.static" and self._gate.has_token:
            # The form's own style; of the scripts a stranger learns nothing.
            return None if request.path.endswith(".css") else abort(404)
        abort(404)

    def page(self) -> str:
        return self._render(
            "dashboard.html", channel=CHANNEL.removeprefix("private-"), key=self._key, bounds=BOUNDS
        )

    def sign_in(self) -> Any:
        """Take the token, once for twelve hours."""
        if not self._gate.has_token:
            abort(404)
        response: Any = redirect(url_for(f"{NAME}.page"), 303)
        if self._gate.sign_in(request.form.get("token", ""), response):
            return response
        return self._form(401, wrong=True)

    def _form(self, status: int, wrong: bool = False) -> Response:
        return Response(self._render("sign_in.html", wrong=wrong), status)

    def _render(self, template: str, **facts: Any) -> str:
        # Flask-WTF's, where the app protects its forms by it.
        token = self._app.jinja_env.globals.get("csrf_token")
        csrf = token() if callable(token) else ""
        return render_template(f"flask_rf/{template}", app=self._app.name, csrf=csrf, **facts)


def _protect(response: Response) -> Response:
    if request.endpoint != f"{NAME}.static":
        response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
