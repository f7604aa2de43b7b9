"""A structured access log: one line of JSON for each request, every field escaped.

A line is written when the response is closed, so that it knows how long a stream took
and how much of it was sent.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from datetime import timezone
from typing import Any
from typing import ClassVar
from typing import TYPE_CHECKING

from flask import Flask
from flask import Request
from flask import request_started
from flask import Response

from . import hooks
from . import kinds
from .client_address import client_address
from .recipe import Recipe
from .settings import Options
from .settings import resolve
from .settings import setting
from .trace_context import active_span

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment

#: Where the lines go: to your handlers for it, else to standard output.
logger = logging.getLogger("flask_rf.access")

_STARTED = "flask_rf.access_log.started"


@dataclass(frozen=True)
class AccessLogOptions(Options):
    prefix: ClassVar[str] = "RF_"

    enabled: bool | None = setting(
        kinds.optional(kinds.boolean),
        None,
        key="RF_ACCESS_LOG",
        doc="Whether each request is logged as a line of JSON.",
    )


class CompiledAccessLog:
    """The access log of one app."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._clients = client_address(app)

    def start(self, app: Flask, **_: Any) -> None:
        current = hooks.current_request()
        if current.endpoint not in hooks.exempt_endpoints(app):
            rule = current.url_rule
            current.environ[_STARTED] = _Started(time.perf_counter(), rule.rule if rule else None)

    def after(self, response: Response) -> Response:
        current = hooks.current_request()
        started: _Started | None = current.environ.get(_STARTED)
        if started is None:
            return response
        started.is_answered = True
        entry = self._entry(current.environ, started.route, response.status_code)
        if _is_socket(current, response):
            # What follows on the connection is no response; nobody closes this one.
            _write(started, entry | {"status": 101}, 0)
        elif _is_bare(current, response):
            response.call_on_close(lambda: _write(started, entry, 0))
        elif response.direct_passthrough:
            # The server sends the file by itself, and does not tell.
            _write(started, entry, response.content_length)
        elif response.is_streamed:
            response.response = _Counted(
                response, lambda size, changes: _write(started, entry | changes, size)
            )
        else:
            size = response.calculate_content_length
            response.call_on_close(lambda: _write(started, entry, size()))
        return response

    def left(self, environ: dict[str, Any]) -> None:
        """Log a request that an error has left unlogged; servers answer it with 500."""
        started: _Started | None = environ.get(_STARTED)
        if started is not None:
            _write(started, self._entry(environ, started.route, 500), 0)

    def returned(self, environ: dict[str, Any]) -> None:
        """Log a request whose functions after it have failed, for the error's page as well."""
        started: _Started | None = environ.get(_STARTED)
        if started is not None and not started.is_answered:
            _write(started, self._entry(environ, started.route, 500), None)

    def _entry(self, environ: dict[str, Any], route: str | None, status: int) -> dict[str, Any]:
        request_id = self._app.extensions.get("rf_request_id")
        identity = request_id.identity_of(environ) if request_id else None
        trace = active_span() or (identity.trace if identity else None)
        return {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "request_id": identity.request_id if identity else None,
            "trace_id": trace.trace_id if trace else None,
            "span_id": trace.span_id if trace else None,
            "client": self._clients.of(environ),
            "method": environ["REQUEST_METHOD"].upper(),
            "route": route,
            "status": status,
        }


@dataclass
class _Started:
    """A request under way."""

    time: float
    route: str | None
    is_answered: bool = False
    is_logged: bool = False


class _Leaving:
    """WSGI middleware that has those requests logged which an error leaves without a response."""

    def __init__(self, app: WSGIApplication, log: CompiledAccessLog) -> None:
        self._app = app
        self._log = log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        outer = environ.pop(_STARTED, None)
        try:
            body = self._app(environ, start_response)
            self._log.returned(environ)
            return body
        except BaseException:  # of a socket too: so flask-sock tells gunicorn that it had one
            self._log.left(environ)
            raise
        finally:
            if outer is not None:  # A view has another app answer, or this one again.
                environ[_STARTED] = outer


class AccessLog(Recipe[CompiledAccessLog]):
    """Log each request as a line of JSON: time (UTC), request_id, trace_id, span_id, client,
    method, route (the rule; never the path, which may hold secrets), status,
    duration_ms (milliseconds) and bytes (of the body as sent).

    :param enabled: False silences it; left out, it logs.
    """

    name = "access_log"
    options = AccessLogOptions
    awaits = "RF_ACCESS_LOG=true"

    @staticmethod
    def configured(app: Flask) -> bool:
        """Whether ``RF_ACCESS_LOG`` asks for it."""
        return resolve(app, AccessLogOptions).enabled is True

    def compile(self, app: Flask) -> CompiledAccessLog:
        compiled = CompiledAccessLog(app)
        if resolve(app, AccessLogOptions, self.given).enabled is not False:
            _speak_up()
            hooks.place(app, "request_id", after=compiled.after)
            # A URL preprocessor that aborts goes past the functions before a request.
            request_started.connect(compiled.start, app)
            app.wsgi_app = _Leaving(app.wsgi_app, compiled)  # type: ignore[method-assign]
        return compiled


class _Counted:
    """A streamed body that counts its bytes, and tells how many when it is closed.

    :param closed: told as well what else the line says: where it failed before there was
        anything to send servers answer with 500.
    """

    def __init__(self, response: Response, closed: Callable[[int, dict[str, Any]], None]) -> None:
        self._size = 0
        self._changes: dict[str, Any] = {}
        self._chunks = response.iter_encoded()
        self._close = getattr(response.response, "close", None)
        self._closed = closed

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._chunks)
        except BaseException as error:
            if not self._size and not isinstance(error, StopIteration):
                self._changes = {"status": 500}
            raise
        self._size += len(chunk)
        return chunk

    def close(self) -> None:
        try:
            if self._close is not None:
                self._close()
        finally:
            self._closed(self._size, self._changes)


def _is_socket(current: Request, response: Response) -> bool:
    rule = current.url_rule
    return rule is not None and rule.websocket and response.status_code == 200


def _is_bare(current: Request, response: Response) -> bool:
    """Whether no body is sent, whatever the response holds (RFC 9110 section 6.4.1)."""
    return current.method == "HEAD" or response.status_code in (204, 304)


def _write(started: _Started, entry: dict[str, Any], size: int | None) -> None:
    # A response may be closed twice.
    if not started.is_logged:
        started.is_logged = True
        duration = round((time.perf_counter() - started.time) * 1000, 3)
        logger.info("%s", json.dumps(entry | {"duration_ms": duration, "bytes": size}))


def _speak_up() -> None:
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler(sys.stdout))
        logger.propagate = False
