"""How each request ended, and how long it took: told once, whichever way it ends.

Around the app rather than in its functions before and after a request: those are no pairs. A
URL preprocessor that aborts runs only the after part, ``gevent.Timeout`` and errors under
TESTING only teardown, and streams outlive both. It also takes a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Flask
from flask import got_request_exception
from flask import Request
from flask import Response

from . import hooks
from .hooks import current_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIEnvironment

#: Told a request's method, its URL rule (None where none matched), the status of its response
#: (500 where an error left the app instead of one), and how many seconds it took, a streamed
#: response with its last byte, server-sent events until they begin. A request that becomes a
#: WebSocket is none.
Ended = Callable[[str, "str | None", int, float], None]

_PASSAGE = "flask_rf.passage"


class _Passage:
    """One request on its way through the app."""

    __slots__ = ("request", "response", "started")

    def __init__(self) -> None:
        self.started = perf_counter()
        self.request: Request | None = None
        self.response: Response | None = None


class _Stream(Iterator[bytes]):
    """A streamed body that tells when it is closed, even where that fails.

    :param closed: told whether it failed before there was anything to send: servers answer
        that with 500.
    """

    def __init__(self, body: Iterable[bytes], closed: Callable[[bool], None]) -> None:
        self._body = body
        self._next = iter(body).__next__
        self._closed = closed
        self._failed = self._has_begun = False

    def __next__(self) -> bytes:
        return self._next() if self._has_begun else self._begin()

    def _begin(self) -> bytes:
        try:
            first = self._next()
        except BaseException as error:
            self._failed = not isinstance(error, StopIteration)
            raise
        self._has_begun = True
        return first

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            self._closed(self._failed)


class Timing:
    """WSGI middleware that times the requests of one app.

    :ivar active: one object for each request under way.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app.wsgi_app
        self._request_context = app.request_context
        # A set, since a thread may be interrupted between reading and writing a number.
        self.active: set[object] = set()
        self.listeners: list[Ended] = []
        got_request_exception.connect(self._raised, app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        outer = environ.get(_PASSAGE)
        # An object, for a middleware between may go on with a copy of the environ.
        passage = environ[_PASSAGE] = _Passage()
        if "HTTP_UPGRADE" not in environ:  # which a socket keeps for as long as it lives
            self.active.add(passage)
        try:
            body = self._app(environ, start_response)
        except StopIteration:  # so flask-sock tells gunicorn that it had a socket to serve
            if passage.response is None:
                self._left(passage, environ)
            else:
                self._end(passage, passage.request, passage.response.status_code)
            raise
        except BaseException:
            self._left(passage, environ)
            raise
        finally:
            if outer is not None:  # A view has another app answer, or a mounted one does.
                environ[_PASSAGE] = outer
        response = passage.response
        if response is None:
            # Its functions after the request failed for the error's page as well; or there was
            # no request of this app: a middleware inside, or an app mounted there, has answered.
            self._end(passage, passage.request, 500)
        elif _is_timed_to_its_end(response):
            status = response.status_code

            def closed(failed: bool) -> None:
                self._end(passage, passage.request, 500 if failed else status)

            return _Stream(body, closed)
        else:
            self._end(passage, passage.request, response.status_code)
        return body

    def after(self, response: Response) -> Response:
        # An error after this gets a response of its own, which comes by here as well.
        request = current_request()
        passage: _Passage | None = request.environ.get(_PASSAGE)
        if passage is not None:
            passage.request, passage.response = request, response
        return response

    def _raised(self, app: Flask, **_: object) -> None:
        passage: _Passage | None = current_request().environ.get(_PASSAGE)
        if passage is not None:
            passage.request = current_request()

    def _left(self, passage: _Passage, environ: WSGIEnvironment) -> None:
        """End a request that an error has left without a response."""
        request = passage.request
        # Flask was told of no gevent.Timeout, and leaves None where its request was.
        if request is None and environ.get("werkzeug.request", environ) is None:
            context = self._request_context(environ)
            if context.url_adapter is not None:  # The host may be none of TRUSTED_HOSTS.
                context.match_request()
            request = context.request
        self._end(passage, request, 500)

    def _end(self, passage: _Passage, request: Request | None, status: int) -> None:
        seconds = perf_counter() - passage.started
        self.active.discard(passage)
        # Or both would wait for the garbage collector.
        passage.request = passage.response = None
        if request is None:
            return
        rule = request.url_rule
        if rule is None:
            route = None
        elif rule.websocket and status == 200:
            return
        else:
            route = rule.rule
        for tell in self.listeners:
            tell(request.method, route, status, seconds)


def _is_timed_to_its_end(response: Response) -> bool:
    # Of a file that the server sends by itself nobody tells when it is through. An event stream
    # lasts as long as its page is open, which says nothing of the app.
    own = response.is_streamed and not response.direct_passthrough
    return own and response.mimetype != "text/event-stream"


def timing(app: Flask) -> Timing:
    """The app's one :class:`Timing`, placed when first asked for."""
    found: Timing | None = app.extensions.get("rf_timing")
    if found is None:
        found = app.extensions["rf_timing"] = Timing(app)
        app.wsgi_app = found  # type: ignore[method-assign]
        hooks.place(app, "metrics", after=found.after)
    return found
