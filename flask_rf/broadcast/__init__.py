"""Real-time events over the Pusher Channels protocol, within one process or across many."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from typing import TypeVar

from flask import Flask

from .. import hooks
from .. import lifecycle
from ..checks import add_check
from ..checks import Check
from ..client_address import client_address
from ..errors import ConfigurationError
from ..recipe import Recipe
from ..redis import add_use
from ..redis import Use
from ..settings import resolve
from . import http_api
from .authorization import Authorizer
from .authorization import Denied
from .authorization import user_id
from .broadcasting import Broadcasting
from .events import Event
from .events import EventSender
from .fake import Sent
from .history import Histories
from .options import BroadcastOptions
from .publisher import Audience
from .routes import ENDPOINTS
from .routes import make_blueprint
from .routes import own_reader
from .standalone import MemoryBroadcaster
from .standalone import RedisBroadcaster

__all__ = ["Audience", "Broadcast", "Event", "MemoryBroadcaster", "RedisBroadcaster", "Sent"]

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
        self._histories = Histories()
        super().__init__(app, **options)

    def compile(self, app: Flask) -> Broadcasting:
        options = resolve(app, BroadcastOptions, self.given)
        broadcasting = Broadcasting(app, options, self._authorizer, self._histories)
        own_reader(app)
        add_check(app, Check("broadcast", broadcasting.check, applies=broadcasting.listens))
        if options.redis_url and options.between_processes:
            # Never needed: sockets stay open, are told what they miss and hear their own worker;
            # only send raises, where an event may not be lost, and the rest of the app goes on.
            add_use(app, Use("broadcast", options.redis_url, lambda: False))
        lifecycle.on_worker_start(app, broadcasting.start)
        lifecycle.on_worker_stop(app, broadcasting.stop)
        app.register_blueprint(make_blueprint(broadcasting, client_address(app)))
        app.register_blueprint(http_api.make_blueprint(broadcasting))
        hooks.exempt(app, *ENDPOINTS, *http_api.ENDPOINTS)
        return broadcasting

    def to(self, *channels: str) -> Audience:
        """The audience of one or several channels, to :meth:`~.publisher.Audience.send` to."""
        if not channels or not all(isinstance(name, str) for name in channels):
            raise TypeError("to() needs the names of channels, as in to('chat', 'news')")
        return Audience(self.compiled.publish, channels)

    def to_user(self, user: Any) -> Audience:
        """The audience of everything a user is signed in on.

        :param user: the user, or the id alone.
        """
        try:
            return self.to(f"#server-to-user-{user_id(user)}")
        except Denied:
            raise TypeError(f"to_user() needs a user with an id, not {user!r}") from None

    def send(self, event: Event, *, on_error: str = "raise") -> None:
        """Publish an :class:`.Event`; see :meth:`.events.EventSender.send`."""
        EventSender(self.compiled.publish).send(event, on_error=on_error)

    def to_others(self) -> EventSender:
        """Send an :class:`.Event` to all but the page that made this request."""
        return EventSender(self.compiled.publish).to_others()

    def fake(self) -> AbstractContextManager[Sent]:
        """Have events recorded instead of sent, by all threads, till the block ends::

            with broadcast.fake() as sent:
                client.post("/orders/7/ship")
            sent.assert_sent("order.shipped", channel="orders", data={"id": 7}, times=1)

        Names, sizes and data are checked as ever. Nothing is announced as published.
        """
        return self.compiled.fakes.record(self.app.json)

    def channel(
        self, pattern: str, *, history: int | None = None, ttl: int = 300
    ) -> Callable[[F], F]:
        """Decide who may join the channels a pattern covers.

        ``@broadcast.channel("private-orders.{order_id}")`` on ``def f(user, order_id)``:
        True lets the user in, False or None does not; on presence channels a dict also
        tells the others who has come.

        :param history: events to keep for those who were away; see :meth:`keep`.
        :raises ConfigurationError: no channel can match, or the function lacks a parameter.
        """

        if not isinstance(pattern, str):
            remedy = 'write @broadcast.channel("private-orders.{order_id}")'
            raise ConfigurationError("channel", pattern, remedy)

        def register(callback: F) -> F:
            self._authorizer.channel(pattern, callback)
            if history is not None:
                self.keep(pattern, history=history, ttl=ttl)
            return callback

        return register

    def keep(self, pattern: str, *, history: int = 100, ttl: int = 300) -> None:
        """Keep the last events of the channels a pattern covers, public ones too.

        Who was away and comes back gets what was sent meanwhile, in order and each event once,
        or is told ``rf:missed`` where not all of it is there any more.

        :param history: events kept of each channel, at most 10 000.
        :param ttl: seconds they are kept after the last one, at most a week.
        :raises ConfigurationError: no channel can match, or a number cannot be meant.
        """
        self._histories.declare(pattern, history, ttl)

    def user(self, callback: F) -> F:
        """Say who the current request's user is; Flask-Login's ``current_user`` by default."""
        self._authorizer.user(callback)
        return callback

    def watchlist(self, callback: F) -> F:
        """Say whom a user follows: a function of the user that gives users or their ids."""
        self._authorizer.watchlist(callback)
        return callback

    def close_all(self, code: int = 4200, window: float = 0.0) -> None:
        """Close this process's sockets.

        :param code: what clients are told; at 4200 they reconnect at once.
        :param window: seconds over which the closes are spread.
        """
        self.compiled.server.close_all(code, "the server closes its sockets", window)
