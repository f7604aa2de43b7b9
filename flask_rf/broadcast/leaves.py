"""Leaves to join guarded channels, and words for who somebody is: decided by the app, signed."""

from __future__ import annotations

import base64

from flask import current_app
from flask import Flask

from .authorization import Denied
from .authorization import user_id
from .broadcasting import Broadcasting
from .channel import Channel
from .encryption import shared_secret


class Leaves:
    """For the users of requests, each for one socket."""

    def __init__(self, broadcasting: Broadcasting) -> None:
        self._broadcasting = broadcasting

    def to_join(self, socket_id: str, channel: Channel) -> dict[str, str]:
        """What lets a socket join a channel.

        :raises Denied: it is not guarded, or the app's callback says no.
        """
        if not channel.guarded:
            raise Denied(f"{channel.name!r} is not a private or presence channel")
        broadcasting, app = self._broadcasting, _current_app()
        verdict = broadcasting.decide(channel)
        if not channel.presence:
            leave = {"auth": broadcasting.signer.channel(socket_id, channel.name)}
            return {**leave, **self._key_to(channel)}
        info = None if verdict is True else verdict
        member = {"user_id": user_id(broadcasting.authorizer.current_user(app)), "user_info": info}
        data = app.json.dumps(member)
        auth = broadcasting.signer.channel(socket_id, channel.name, data)
        return {"auth": auth, "channel_data": data}

    def to_sign_in(self, socket_id: str) -> dict[str, str]:
        """What says who is behind a socket, and whom that user follows.

        :raises Denied: the request has no user.
        """
        authorizer, app = self._broadcasting.authorizer, _current_app()
        user = authorizer.current_user(app)
        # Clients say it all again, and their messages have a limit.
        follows = authorizer.followed_by(app, user)[: self._broadcasting.options.max_watchlist]
        data = {"id": user_id(user), "watchlist": follows}
        text = app.json.dumps(data)
        return {"auth": self._broadcasting.signer.user(socket_id, text), "user_data": text}

    def _key_to(self, channel: Channel) -> dict[str, str]:
        master = self._broadcasting.options.encryption_key
        if not channel.encrypted:
            return {}
        if master is None:
            raise Denied("BROADCAST_ENCRYPTION_KEY is not set")
        secret = shared_secret(master, channel.name)
        return {"shared_secret": base64.b64encode(secret).decode()}


def _current_app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]
