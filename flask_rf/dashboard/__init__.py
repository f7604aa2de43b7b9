"""The dashboard: one page that shows, live, what an app's workers do."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask

from .. import hooks
from .. import signals
from ..errors import SetupError
from ..lifecycle import on_worker_start
from ..recipe import Recipe
from ..settings import resolve
from ..timing import timing
from .collector import Collector
from .gate import Gate
from .options import DashboardOptions
from .publisher import CHANNEL
from .publisher import Publisher
from .routes import make_blueprint
from .routes import OPEN_ENDPOINTS

__all__ = ["Dashboard", "DashboardOptions"]


class Dashboard(Recipe[Publisher]):
    """Show an operator, at ``/rf``, what the app's workers do at this moment.

    It is live over the app's own broadcasting, so ``Broadcast(app)`` is set up before it. Options
    are the fields of :class:`.options.DashboardOptions`.

    :raises SetupError: there is no broadcasting.
    :raises ConfigurationError: nobody says who may see it, outside of debug mode.
    """

    name = "dashboard"
    options = DashboardOptions
    awaits = "RF_DASHBOARD=true"

    @staticmethod
    def configured(app: Flask) -> bool:
        """Whether ``RF_DASHBOARD`` asks for it."""
        return resolve(app, DashboardOptions).enabled

    def compile(self, app: Flask) -> Publisher:
        options = resolve(app, DashboardOptions, self.given)
        broadcasting = app.extensions.get("rf_broadcast")
        if broadcasting is None:
            raise SetupError(
                "the dashboard is live over broadcasting: set up Broadcast(app) before it, "
                "or leave it out"
            )
        gate = Gate(app, options)
        publisher = Publisher(app, broadcasting.overview, Collector(app), lambda: _health(app))
        broadcasting.guard(CHANNEL, gate.admits)
        key = broadcasting.options.app_key
        app.register_blueprint(make_blueprint(app, gate, options.path, key))
        hooks.exempt(app, *OPEN_ENDPOINTS)
        on_worker_start(app, publisher.start)
        # Most servers do not say that a worker starts; none may be missing that serves.
        timing(app).listeners.append(publisher.start)
        signals.socket_opened.connect(publisher.start, app)
        return publisher


def _health(app: Flask) -> dict[str, Any] | None:
    """What all health checks came to, where the app has any."""
    monitor = app.extensions.get("rf_health")
    report: dict[str, Any] | None = json.loads(monitor.report().body(True)) if monitor else None
    return report
