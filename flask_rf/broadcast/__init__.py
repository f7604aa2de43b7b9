"""Real-time events over the Pusher Channels protocol, within one process or across many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from flask import Flask

from .. import hooks
from .. import lifecycle
from ..checks import add_check
from ..checks import Check
from ..recipe import Recipe
from ..settings import resolve
from .authorization import Authorizer
from .broadcasting import Broadcasting
from .options import BroadcastOptions
from .publisher import Audience
from .routes import make_blueprint
from .routes import NAME
from .routes import own_reader

__all__ = ["Audience", "Broadcast"]

F = TypeVar("F", bound=Callable[..., Any])


class Broadcast(Recipe[Broadcasting]):
    """Send events to the browsers that listen, on whichever server their sockets are.

    Sockets are served at ``/app/<key>``, leave to join guarded channels at
    ``/broadcasting/auth``, the browser client at ``/broadcasting/rf.js``. The options
    are the fields of :class:`.options.BroadcastOptions`.

    :raises ConfigurationError: a setting cannot be meant.
    """

    name = "broadcast"
    options = BroadcastOptions

    def __init__(self, app: Flask | None = None, **options: Any) -> None:
        self._authorizer = Authorizer()
        super().__init__(app, **options)

    def compile(self, app: Flask) -> Broadcasting:
        options = resolve(app, BroadcastOptions, self.given)
        broadcasting = Broadcasting(app, options, self._authorizer)
        own_reader(app)
        add_check(app, Check("broadcast", broadcasting.check, applies=broadcasting.listens))
        lifecycle.on_worker_start(app, broadcasting.start)
        lifecycle.on_worker_stop(app, broadcasting.stop)
        app.register_blueprint(make_blueprint(broadcasting))
        hooks.exempt(app, *(f"{NAME}.{endpoint}" for endpoint in ("socket", "auth", "client")))
        return broadcasting

    def to(self, *channels: str) -> Audience:
        """The audience of one or several channels, to :meth:`~.publisher.Audience.send` to."""
        if not channels:
            raise TypeError("to() needs the name of at least one channel")
        return Audience(self.compiled.publish, channels)

    def channel(self, pattern: str) -> Callable[[F], F]:
        """Decide who may join the channels a pattern covers.

        ``@broadcast.channel("private-orders.{order_id}")`` on ``def f(user, order_id)``:
        True lets the user in, False or None does not; on presence channels a dict also
        tells the others who has come.

        :raises ConfigurationError: no channel can match, or the function lacks a parameter.
        """

        def register(callback: F) -> F:
            self._authorizer.channel(pattern, callback)
            return callback

        return register

    def user(self, callback: F) -> F:
        """Say who the current request's user is; Flask-Login's ``current_user`` by default."""
        self._authorizer.user(callback)
        return callback

    def close_all(self, code: int = 4200, window: float = 0.0) -> None:
        """Close this process's sockets.

        :param code: what clients are told; at 4200 they reconnect at once.
        :param window: seconds over which the closes are spread.
        """
        self.compiled.server.close_all(code, "the server closes its sockets", window)
