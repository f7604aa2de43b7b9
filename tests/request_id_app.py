"""Served by gunicorn in test_request_id: says which id each request meets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask

from flask_rf import current_request_id
from flask_rf import RequestID
from flask_rf.request_id import carry
from flask_rf.request_id import spawn

app = Flask(__name__)
RequestID(app)


@app.get("/")
def ids() -> dict[str, str | None]:
    """The id here, in work carried into the same greenlet, and in work spawned aside."""
    spawned: list[str | None] = []
    spawn(lambda: spawned.append(current_request_id())).join()
    return {
        "here": current_request_id(),
        "carried": carry(current_request_id)(),
        "spawned": spawned[0],
    }


class _LookingBefore:
    """Says in a header which id stands around the app before a request reaches it."""

    def __init__(self, wsgi_app: Any) -> None:
        self._wsgi_app = wsgi_app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        before = str(current_request_id())

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Before", before)], *rest)

        answer: Iterable[bytes] = self._wsgi_app(environ, start)
        return answer


app.wsgi_app = _LookingBefore(app.wsgi_app)  # type: ignore[method-assign]
