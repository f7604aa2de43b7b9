"""RF: every feature at once, one field each, in the order of the request."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any
from typing import ParamSpec
from typing import TypeVar

from flask import Flask

from .broadcast import Broadcast
from .compression import Compress
from .cors import CORS
from .dashboard import Dashboard
from .errors import ConfigurationError
from .errors import SetupError
from .health import Health
from .logs import AccessLog
from .metrics import Metrics
from .ratelimit import Limiter
from .recipe import Recipe
from .request_id import current_request_id
from .request_id import RequestID
from .request_id import spawn
from .settings import resolve
from .storage import Storage

P = ParamSpec("P")
R = TypeVar("R", bound=Recipe[Any])


class _Default:
    """Marks a feature that was not mentioned, where None means left out."""


_DEFAULT: Any = _Default()


class RF:
    """Set up flask_rf's features on an app.

    Each argument takes a feature with options of your own, or None to leave it out. When not
    mentioned, CORS, the access log and the dashboard wait for ``CORS_ORIGINS``,
    ``RF_ACCESS_LOG`` and ``RF_DASHBOARD``, and metrics for prometheus-client to be installed::

        rf = RF(app, limiter=Limiter(strategy="token-bucket"), compress=None)

    :param app: the app to set up at once, else call :meth:`init_app`.
    :raises SetupError: the app is set up already.
    :raises ConfigurationError: a setting cannot be meant; the message names the mend.
    """

    request_id: RequestID
    access_log: AccessLog
    metrics: Metrics
    compress: Compress
    cors: CORS
    limiter: Limiter
    health: Health
    broadcast: Broadcast
    storage: Storage
    dashboard: Dashboard

    def __init__(
        self,
        app: Flask | None = None,
        *,
        request_id: RequestID | None = _DEFAULT,
        access_log: AccessLog | None = _DEFAULT,
        metrics: Metrics | None = _DEFAULT,
        compress: Compress | None = _DEFAULT,
        cors: CORS | None = _DEFAULT,
        limiter: Limiter | None = _DEFAULT,
        health: Health | None = _DEFAULT,
        broadcast: Broadcast | None = _DEFAULT,
        storage: Storage | None = _DEFAULT,
        dashboard: Dashboard | None = _DEFAULT,
    ) -> None:
        self._features: dict[str, Recipe[Any]] = {}
        self._unmentioned: set[str] = set()
        self._add("request_id", request_id, RequestID)
        self._add("access_log", access_log, AccessLog)
        self._add("metrics", metrics, Metrics)
        self._add("compress", compress, Compress)
        self._add("cors", cors, CORS)
        self._add("limiter", limiter, Limiter)
        self._add("health", health, Health)
        self._add("broadcast", broadcast, Broadcast)
        self._add("storage", storage, Storage)
        self._add("dashboard", dashboard, Dashboard)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set every feature up on ``app``."""
        if "rf" in app.extensions:
            raise SetupError(
                f"RF is already set up on the app {app.name!r}: call RF(app) once, "
                "or RF() and then rf.init_app(app); once refused, make the app anew"
            )
        features: list[Recipe[Any]] = []
        left_out: list[Recipe[Any]] = []
        for name, feature in self._features.items():
            wanted = name not in self._unmentioned or feature.configured(app)
            (features if wanted else left_out).append(feature)
        # All settings before the first feature: Flask takes back no route and no function.
        for feature in features:
            resolve(app, feature.options, feature.given)
        app.extensions["rf"] = self
        for feature in features:
            feature.init_app(app)
        for feature in left_out:
            feature.left_out(app)
        _introduce(app)

    def spawn(self, function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Thread:
        """Run ``function`` aside, under the current request's id.

        :returns: the started daemon thread, which is a greenlet under gevent's monkey patch.
        """
        return spawn(function, *args, **kwargs)

    def _add(self, name: str, given: R | None, kind: type[R]) -> None:
        if given is not _DEFAULT and given is not None and not isinstance(given, kind):
            remedy = f"give {kind.__name__}(…) with options of your own, or None to leave it out"
            raise ConfigurationError(name, given, remedy, "argument")
        feature = kind() if given is _DEFAULT else given
        if given is _DEFAULT:
            self._unmentioned.add(name)
        if feature is not None:
            self._features[name] = feature
            setattr(self, name, feature)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).__annotations__:
            raise SetupError(f"rf.{name} was left out: RF(…, {name}=None)")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _introduce(app: Flask) -> None:
    """Hand features what they need of each other; they never import one another."""
    broadcasting = app.extensions.get("rf_broadcast")
    if broadcasting is None:
        return
    broadcasting.request_id = lambda: current_request_id() or ""
    cors = app.extensions.get("rf_cors")
    if cors is not None:
        broadcasting.trust_origins(cors.allows_origin)
