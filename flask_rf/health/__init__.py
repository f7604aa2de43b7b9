"""Health: what a load balancer, an orchestrator and a person ask a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flask import Blueprint
from flask import Flask
from flask import Response

from .. import hooks
from .. import kinds
from ..recipe import Recipe
from ..settings import Options
from ..settings import resolve
from ..settings import setting


@dataclass(frozen=True)
class HealthOptions(Options):
    prefix: ClassVar[str] = "HEALTH_"

    url_prefix: str = setting(
        kinds.text, "/health", key="HEALTH_PREFIX", doc="Where the health endpoints are."
    )


class Monitor:
    """One app's health.

    :ivar draining: whether the process is shutting down.
    """

    def __init__(self) -> None:
        self.draining = False

    def drain(self) -> None:
        """Report not ready from now on."""
        self.draining = True

    def live(self) -> Response:
        return _answer("pass", 200)

    def ready(self) -> Response:
        return _answer("shutting_down", 503) if self.draining else _answer("pass", 200)


class Health(Recipe[Monitor]):
    """Health endpoints: ``/health/live`` and ``/health/ready``."""

    name = "health"
    options = HealthOptions

    def compile(self, app: Flask) -> Monitor:
        options = resolve(app, HealthOptions, self.given)
        monitor = Monitor()
        blueprint = Blueprint("rf_health", __name__, url_prefix=options.url_prefix)
        blueprint.add_url_rule("/live", view_func=monitor.live, endpoint="live")
        blueprint.add_url_rule("/ready", view_func=monitor.ready, endpoint="ready")
        app.register_blueprint(blueprint)
        hooks.exempt(app, "rf_health.live", "rf_health.ready")
        return monitor

    def drain(self) -> None:
        """Report not ready from now on, so that no new requests are sent here."""
        self.compiled.drain()


def _answer(status: str, code: int) -> Response:
    return Response(
        f'{{"status": "{status}"}}',
        code,
        {"Cache-Control": "no-store"},
        content_type="application/health+json",
    )
