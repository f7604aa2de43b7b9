"""What features add to the headers of responses, written once as a response starts.

Werkzeug checks and copies each header of a response, twice over, which takes longer than to
work out what it says. Here they join the finished list, in one small WSGI layer around an app.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment

Header = tuple[str, str]
#: Takes the status line, and the finished list to append to.
Starting = Callable[[str, list[Header]], None]

#: In the environ: the :class:`Outgoing` of the response being made, where a layer will write it.
OUTGOING = "flask_rf.outgoing"

#: The kind of CORS's headers: how they all begin.
CORS_HEADERS = "access-control-"


class Outgoing:
    """What features add to the headers of one response.

    :ivar headers: by their kind (:func:`kind_of`); whatever else was written of it gives way.
    :ivar vary: names for the one ``Vary`` line.
    :ivar starting: called as the response starts.
    :ivar ending: called once the server has done with the response.
    """

    __slots__ = ("ending", "headers", "starting", "vary")

    def __init__(self) -> None:
        self.headers: dict[str, Iterable[Header]] = {}
        self.vary: list[str] = []
        self.starting: tuple[Starting, ...] = ()
        self.ending: list[Callable[[], None]] = []

    def join(self, written: Iterable[Header]) -> list[Header]:
        """The finished list: what others wrote, what is added, and one ``Vary``."""
        finished, lines = [], []
        for header in written:
            kind = kind_of(header[0])
            if kind == "vary":
                lines.append(header[1])
            elif kind not in self.headers:
                finished.append(header)
        for headers in self.headers.values():
            finished += headers
        vary = merged((*lines, *self.vary))
        if vary:
            finished.append(("Vary", vary))
        return finished


class HeaderWriter:
    """WSGI middleware that writes what features add to an app's responses."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[Header], *error: Any) -> Any:
            if outgoing.headers or outgoing.vary or outgoing.starting:
                headers = outgoing.join(headers)
            for function in outgoing.starting:
                function(status, headers)
            return start_response(status, headers, *error)

        outer = environ.get(OUTGOING)
        environ[OUTGOING] = outgoing = Outgoing()
        try:
            body = self._app(environ, start)
            return ClosingIterator(body, outgoing.ending) if outgoing.ending else body
        finally:
            if outer is not None:  # A view has another app answer, or this one again.
                environ[OUTGOING] = outer


@lru_cache(maxsize=512)  # An app writes few different names.
def kind_of(name: str) -> str:
    """What gives way together: headers of one name, and all that begin as CORS's do."""
    lower = name.lower()
    return CORS_HEADERS if lower.startswith(CORS_HEADERS) else lower


@lru_cache(maxsize=512)  # An app sends few different lines.
def merged(lines: tuple[str, ...]) -> str:
    """One line that names each field once, as it was first written; ``*`` says it all."""
    names: dict[str, str] = {}
    for name in ",".join(lines).split(","):
        names.setdefault(name.strip().lower(), name.strip())
    names.pop("", None)
    return "*" if "*" in names else ", ".join(names.values())
