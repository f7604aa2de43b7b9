"""Who may join a guarded channel: the app's callbacks, asked by the auth endpoint."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from flask import Flask

from ..errors import ConfigurationError
from .channel import Channel
from .channel import InvalidChannel
from .channel import Pattern

F = TypeVar("F", bound=Callable[..., Any])


class Denied(Exception):
    """Nobody gave leave; the text says why, for the app's developer."""


class Authorizer:
    """The callbacks of one recipe."""

    def __init__(self) -> None:
        self._patterns: list[tuple[Pattern, Callable[..., Any]]] = []
        self._user: Callable[[], Any] | None = None
        self._watchlist: Callable[[Any], Iterable[Any]] | None = None

    def channel(self, pattern: str, callback: Callable[..., Any]) -> None:
        """:raises ConfigurationError: the pattern fits no channel or not the callback."""
        try:
            compiled = Pattern(pattern)
        except InvalidChannel as error:
            raise ConfigurationError("channel", pattern, str(error)) from None
        try:
            inspect.signature(callback).bind(None, **dict.fromkeys(compiled.names, ""))
        except TypeError:
            wanted = ", ".join(("user", *compiled.names))
            name = getattr(callback, "__name__", "callback")
            raise ConfigurationError(
                "channel", pattern, f"its function must take these: def {name}({wanted})"
            ) from None
        self._patterns.append((compiled, callback))

    def user(self, callback: Callable[[], Any]) -> None:
        self._user = callback

    def watchlist(self, callback: Callable[[Any], Iterable[Any]]) -> None:
        self._watchlist = callback

    def followed_by(self, app: Flask, user: Any) -> list[str]:
        """The ids of those whose coming and going ``user`` hears of."""
        if self._watchlist is None:
            return []
        return [user_id(followed) for followed in app.ensure_sync(self._watchlist)(user)]

    def current_user(self, app: Flask) -> Any:
        """The requesting user: the app's own callback, else Flask-Login's, else None."""
        if self._user is not None:
            return app.ensure_sync(self._user)()
        if hasattr(app, "login_manager"):
            from flask_login import current_user

            return current_user._get_current_object() if current_user.is_authenticated else None
        return None

    def decide(self, app: Flask, channel: Channel) -> Any:
        """What the channel's callback says: user info or True.

        :raises Denied: no callback covers the channel, or it said no.
        """
        user = self.current_user(app)
        for pattern, callback in self._patterns:
            values = pattern.match(channel)
            if values is not None:
                verdict = app.ensure_sync(callback)(user, **values)
                if verdict is None or verdict is False:
                    raise Denied(f"the callback for {pattern.text!r} said no")
                return verdict
        raise Denied(f"no callback covers {channel.name!r}")


def user_id(user: Any) -> str:
    """The id of whatever stands for a user: ``user["id"]``, ``.id``, ``.get_id()`` or itself.

    :raises Denied: there is no user, or it has an empty id.
    """
    if isinstance(user, Mapping):
        found = user.get("id")
    elif hasattr(user, "id"):
        found = user.id
    elif hasattr(user, "get_id"):
        found = user.get_id()
    else:
        found = user
    if found is None or found == "" or isinstance(found, bool):
        raise Denied("there is no user with an id; see @broadcast.user")
    return str(found)
