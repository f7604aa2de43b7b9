"""Signatures of the Pusher protocol: HMAC-SHA256 in hex.

Sockets send them as ``KEY:hex``, the HTTP API's callers as parameters of the query.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Seconds by which the clock of who signed a request may differ from ours.
MAX_SKEW = 600

_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class BadSignature(ValueError):
    """A request that nobody with this app's secret has just signed; the text says why."""


def sign(secret: str, text: str) -> str:
    # Half a surrogate pair is valid in JSON and must not end in a traceback.
    return hmac.new(secret.encode(), _bytes(text), "sha256").hexdigest()


def request_text(method: str, path: str, params: Iterable[tuple[str, str]]) -> str:
    """What the signature of an HTTP request covers: keys in lower case, sorted; values unescaped.

    :param params: the query, ``auth_signature`` passed over.
    """
    lowered = sorted((name.lower(), value) for name, value in params)
    query = "&".join(f"{name}={value}" for name, value in lowered if name != "auth_signature")
    return "\n".join((method, path, query))


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

    def body(self, body: bytes) -> str:
        """What vouches for the body of a webhook."""
        return hmac.new(self.secrets[0].encode(), body, "sha256").hexdigest()

    def check_request(
        self, method: str, path: str, params: Iterable[tuple[str, str]], now: float
    ) -> None:
        """Hold a request of the HTTP API to its signature; its body is for the caller to hold
        to ``body_md5``, which the signature covers.

        :param path: unescaped, as the caller signs it.
        :param params: the query, unescaped.
        :param now: Unix time in seconds.
        :raises BadSignature: another key, too old, or not signed with one of the secrets.
        """
        params = list(params)
        given = {name.lower(): value for name, value in params}
        if given.get("auth_key") != self.key:
            raise BadSignature("auth_key is not this app's key; see BROADCAST_APP_KEY")
        if given.get("auth_version") != "1.0":
            raise BadSignature("auth_version is not 1.0")
        timestamp = given.get("auth_timestamp", "")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise BadSignature("auth_timestamp is no Unix time in seconds")
        if abs(now - int(timestamp)) > MAX_SKEW:
            raise BadSignature(f"auth_timestamp is more than {MAX_SKEW} s off; check the clock")
        text = request_text(method, path, params)
        if not self._signed(text, given.get("auth_signature", "")):
            raise BadSignature("auth_signature does not fit; see BROADCAST_APP_SECRET")

    def _accepts(self, auth: str, text: str) -> bool:
        key, _, given = auth.partition(":")
        return key == self.key and self._signed(text, given)

    def _signed(self, text: str, given: str) -> bool:
        # compare_digest on str refuses what is not ASCII; bytes never do.
        return any(
            [hmac.compare_digest(sign(s, text).encode(), _bytes(given)) for s in self.secrets]
        )


def _user_text(socket_id: str, user_data: str) -> str:
    return f"{socket_id}::user::{user_data}"


def _text(socket_id: str, channel: str, channel_data: str | None) -> str:
    parts = (socket_id, channel) if channel_data is None else (socket_id, channel, channel_data)
    return ":".join(parts)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
