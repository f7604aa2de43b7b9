"""Who may read what an app tells its operators: allowed networks, and bearers of a token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from .client_address import ClientAddress
from .client_address import parse_address
from .kinds import Network

#: Where nobody but the machine itself is.
LOOPBACK = ("127.0.0.0/8", "::1/128")

_ORIGINAL = "werkzeug.proxy_fix.orig"
_FORWARDED = {
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_FORWARDED",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_VIA",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_REAL_IP",
}
_FORWARDED_BY_PREFIX = ("HTTP_X_FORWARDED", "HTTP_CF_")


class Access:
    """Decides by a request's WSGI environ.

    :param networks: whose hosts are let in.
    :param token: lets in whoever sends it as ``Authorization: Bearer …``; None for nobody.
    :param clients: knows the proxies that may speak for others.
    """

    def __init__(
        self, networks: tuple[Network, ...], token: str | None, clients: ClientAddress
    ) -> None:
        self._networks = networks
        self._token = token.encode() if token else None
        self._clients = clients

    def admits(self, environ: Mapping[str, Any]) -> bool:
        """Whether the request comes with the token, or from an allowed network."""
        return self.bears_token(environ) or self._is_near(environ)

    def bears_token(self, environ: Mapping[str, Any]) -> bool:
        """Whether the request comes with the token (RFC 6750, section 2.1)."""
        scheme, _, given = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        return scheme.lower() == "bearer" and self.is_token(given.strip())

    def is_token(self, given: str) -> bool:
        """Whether somebody who writes this knows the token; takes as long for every guess."""
        if self._token is None:
            return False
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token)

    def _is_near(self, environ: Mapping[str, Any]) -> bool:
        # ProxyFix writes the client's claim over the peer's address, and keeps the original.
        seen = {**environ, **environ.get(_ORIGINAL, {})}
        if _is_forwarded(seen) and not self._may_forward(seen):
            return False
        address, known = self._clients.trace(seen)
        if address is None or not known:
            return False
        return any(address in network for network in self._networks)

    def _may_forward(self, environ: Mapping[str, Any]) -> bool:
        """Whether a forwarded request says whose it is, and by somebody trusted.

        Behind a proxy on the same host, whatever it forwards comes from loopback.
        """
        peer = parse_address(environ.get("REMOTE_ADDR") or "")
        # A peer without an address sits on a unix socket, where only a local proxy can be.
        trusted = peer is None or any(peer in network for network in self._clients.trusted)
        said = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        return trusted and parse_address(said) is not None


def _is_forwarded(environ: Mapping[str, Any]) -> bool:
    return any(
        name in _FORWARDED or name.startswith(_FORWARDED_BY_PREFIX)
        for name in environ
        if name.startswith("HTTP_")
    )
