"""Signatures of the Pusher protocol: HMAC-SHA256 in hex, sent as ``KEY:hex``."""

from __future__ import annotations

import hmac
from dataclasses import dataclass


def sign(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


@dataclass(frozen=True)
class Signer:
    """Signs and verifies for one app key.

    :param key: the app's public key.
    :param secrets: accepted secrets, for rotation; the first signs.
    """

    key: str
    secrets: tuple[str, ...]

    def channel(self, socket_id: str, channel: str, channel_data: str | None = None) -> str:
        """The ``auth`` that lets one socket join one channel."""
        return f"{self.key}:{sign(self.secrets[0], _text(socket_id, channel, channel_data))}"

    def accepts_channel(
        self, auth: str, socket_id: str, channel: str, channel_data: str | None = None
    ) -> bool:
        """Whether ``auth`` is this app's leave for this socket, channel and data."""
        return self._accepts(auth, _text(socket_id, channel, channel_data))

    def user(self, socket_id: str, user_data: str) -> str:
        """The ``auth`` that signs a user in on one socket."""
        return f"{self.key}:{sign(self.secrets[0], _user_text(socket_id, user_data))}"

    def accepts_user(self, auth: str, socket_id: str, user_data: str) -> bool:
        """Whether ``auth`` is this app's word for who is behind the socket."""
        return self._accepts(auth, _user_text(socket_id, user_data))

    def _accepts(self, auth: str, text: str) -> bool:
        key, _, given = auth.partition(":")
        # compare_digest on str refuses what is not ASCII; bytes never do.
        return key == self.key and any(
            [hmac.compare_digest(sign(s, text).encode(), given.encode()) for s in self.secrets]
        )


def _user_text(socket_id: str, user_data: str) -> str:
    return f"{socket_id}::user::{user_data}"


def _text(socket_id: str, channel: str, channel_data: str | None) -> str:
    parts = (socket_id, channel) if channel_data is None else (socket_id, channel, channel_data)
    return ":".join(parts)
