"""What answers a scrape, on the app and on a port of its own."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from ..access import Access
from ..metric_files import Busy
from .exposition import expose

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment

#: A status line, headers and a body.
Answer = tuple[str, list[tuple[str, str]], bytes]

_MOST_FIELDS = 200


class Scrape:
    """WSGI middleware that answers scrapes of those who may; others never learn of it.

    Around the app, so that a login wall does not redirect Prometheus and strangers get the
    app's own 404.

    :param app: answers everything else.
    :param before: called before each answer.
    """

    def __init__(
        self,
        app: WSGIApplication,
        path: str,
        access: Access,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._path = path
        self._access = access
        self._before = before

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self._path or not self._access.admits(environ):
            return self._app(environ, start_response)
        self._before()
        status, headers, body = _answer(environ)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A WSGI app in which nothing is found."""
    status, headers, body = _plain("404 Not Found", "Not Found")
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def _answer(environ: Mapping[str, Any]) -> Answer:
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return _plain("405 Method Not Allowed", "GET is all there is", Allow="GET, HEAD")
    try:
        fields = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return _plain("400 Bad Request", f"at most {_MOST_FIELDS} names")
    try:
        found = expose(environ.get("HTTP_ACCEPT", ""), fields.get("name[]", ()))
    except (Busy, OSError) as error:
        return _plain("503 Service Unavailable", str(error))
    headers = [("Content-Type", found.content_type), ("Cache-Control", "no-store")]
    return "200 OK", headers, found.body


def _plain(status: str, text: str, **headers: str) -> Answer:
    fields = [("Content-Type", "text/plain; charset=utf-8"), *headers.items()]
    return status, fields, f"{text}\n".encode()
