"""Writes the limiter's headers as the response starts.

Werkzeug checks and copies each header of a response, twice over; for five of them that
is half of what a limit costs. Here they join the finished list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from typing import TYPE_CHECKING

from .admission import Admission
from .responses import quota_headers
from .responses import retry_after_seconds
from .store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment

#: Where a request's :class:`~.admission.Admission` is in its environ.
ADMISSION = "flask_rf.ratelimit"


class HeaderWriter:
    """WSGI middleware around a limited app.

    :param app: the rest of the app.
    :param store: takes the refunds of admissions.
    :param quota: whether to tell what is left; Retry-After is on every refusal.
    """

    def __init__(self, app: WSGIApplication, store: Store, quota: bool) -> None:
        self._app = app
        self._store = store
        self._quota = quota

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Set here, for a middleware between may go on with a copy of the environ.
        admission = environ[ADMISSION] = Admission(self._store)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            if self._quota and admission.decisions:
                headers += quota_headers(admission.decisions)
            if admission.denied is not None and status[0] in "45":
                wait = str(retry_after_seconds(admission.denied))
                headers = [pair for pair in headers if pair[0].lower() != "retry-after"]
                headers.append(("Retry-After", wait))
            return start_response(status, headers, *error)

        return self._app(environ, start)
