"""The health of one app; its methods are the endpoints."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask import request
from flask import Response
from werkzeug.datastructures import Headers

from .. import hooks
from .background import Background
from .options import HealthOptions
from .report import MEDIA_TYPE
from .report import PASSING
from .report import Report
from .report import report
from .report import SHUTTING_DOWN
from .runner import Runner

logger = logging.getLogger("flask_rf")

PAGE = "flask_rf/health.html"


class ProbeResponse(Response):
    """A response that sets no cookie, whatever the app's session would refresh."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        headers = super().get_wsgi_headers(environ)
        headers.remove("Set-Cookie")
        return headers


class Monitor:
    """Answers probes about one app.

    :ivar draining: whether the process is shutting down.
    """

    def __init__(self, app: Flask, options: HealthOptions) -> None:
        self.draining = False
        self._app = app
        self._options = options
        self._runner: Runner | Background = Runner(app, options)
        if options.interval:
            self._runner = Background(self._runner, options.interval, options.total_timeout)
        self._has_started = False
        self.views: Mapping[str, Callable[[], Response]] = {
            "rf_health.live": self.live,
            "rf_health.ready": self.ready,
            "rf_health.startup": self.startup,
            "rf_health.everything": self.everything,
        }

    def drain(self) -> None:
        """Report not ready from now on: no new requests should be sent here."""
        self.draining = True

    def before(self) -> Response | None:
        """Answer probes before the app's own functions, whose login wall would redirect them."""
        current = hooks.current_request()
        view = self.views.get(current.endpoint or "")
        return view() if view is not None and current.method in ("GET", "HEAD") else None

    def live(self) -> Response:
        """Whether the process runs; it looks at nothing else."""
        return self._answer(PASSING)

    def ready(self) -> Response:
        """Whether the process can serve."""
        return self._answer(SHUTTING_DOWN if self.draining else self.readiness())

    def startup(self) -> Response:
        """Whether the process has been ready once."""
        if self._has_started:
            return self._answer(PASSING)
        readiness = self.readiness()
        if readiness.status != "fail":
            self._has_started = True
        return self._answer(readiness)

    def everything(self) -> Response:
        """Every check."""
        return self._answer(SHUTTING_DOWN if self.draining else self.report())

    def readiness(self) -> Report:
        return report(o for o in self._runner.outcomes() if o.check.ready)

    def report(self) -> Report:
        """The state of everything that is checked."""
        return report(self._runner.outcomes())

    def _answer(self, answer: Report) -> Response:
        details = bool(answer.outcomes) and self._shows_details()
        offered = [MEDIA_TYPE, "application/json", "text/html"]
        if request.accept_mimetypes.best_match(offered) == "text/html":
            body, content_type = self._page(answer, details), "text/html; charset=utf-8"
        else:
            body, content_type = answer.body(details), MEDIA_TYPE
        headers = {"Cache-Control": "no-store", "Vary": "Accept"}
        return ProbeResponse(body, answer.code, headers, content_type=content_type)

    def _page(self, answer: Report, details: bool) -> str:
        # Not render_template, whose context processors may need what is broken.
        template = self._app.jinja_env.get_template(PAGE)
        return template.render(
            app=self._app.name, report=answer, details=details, path=request.path
        )

    def _shows_details(self) -> bool:
        allowed = self._options.details
        if not callable(allowed):
            return allowed == "always" or (allowed == "debug" and self._app.debug)
        try:
            return bool(allowed())
        except Exception:
            logger.exception("HEALTH_DETAILS failed; the details stay hidden")
            return False
