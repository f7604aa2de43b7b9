"""A page of some origin, and what its browser sends for it."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_rf import CORS

SHOP = "https://shop.example"


def cors_headers(response: TestResponse) -> dict[str, str]:
    """The response's CORS headers, without their common beginning."""
    found = [(name, value) for name, value in response.headers if name.startswith("Access-Control")]
    assert len(found) == len({name for name, _ in found}), "a CORS header stands twice"
    return {name.removeprefix("Access-Control-"): value for name, value in found}


class Page:
    """A page of ``origin``; None sends no Origin, as a same-origin GET does."""

    def __init__(self, app: Flask, origin: str | None = SHOP) -> None:
        self._client = app.test_client()
        self._origin = {} if origin is None else {"Origin": origin}

    def request(self, method: str = "GET", path: str = "/", **headers: str) -> TestResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.open(path, method=method, headers=self._origin | sent)

    def preflight(self, method: str, *names: str, path: str = "/") -> TestResponse:
        """Ask first. :param names: lines of the headers the page wants to send."""
        asked = [("Access-Control-Request-Method", method), *self._origin.items()]
        # Servers join repeated lines by a comma; the test client would keep the first only.
        asked += [("Access-Control-Request-Headers", ",".join(names))] if names else []
        return self._client.options(path, headers=asked)

    def may(self, method: str, *names: str, path: str = "/") -> bool:
        """Whether the preflight succeeds."""
        response = self.preflight(method, *names, path=path)
        assert response.status_code == (204 if cors_headers(response) else 403)
        return response.status_code == 204


def shop(app: Flask, **options: Any) -> Page:
    """Set CORS up on the app for the shop's origin, and open a page of it."""
    CORS(app, **{"origins": [SHOP], **options})
    return Page(app)
