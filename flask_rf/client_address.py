"""Who is asking: the client's address, seen through trusted proxies only.

Forwarding headers are anybody's claim; they count from the right, as far as each
hop is a trusted proxy. Used by limits, logs and access rules.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from typing import ClassVar

from flask import Flask

from . import kinds
from .kinds import Network
from .settings import Options
from .settings import resolve
from .settings import setting

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

logger = logging.getLogger("flask_rf")

#: Stands for a peer on a unix socket, which has no address.
UNIX_PEER = "unix"


@dataclass(frozen=True)
class ProxyOptions(Options):
    prefix: ClassVar[str] = ""

    trusted_proxies: tuple[Network, ...] = setting(
        kinds.networks, (), doc="Networks of the proxies whose X-Forwarded-For counts."
    )


@lru_cache(maxsize=8192)
def parse_address(text: str) -> Address | None:
    """Read an address as proxies write it: brackets, port and zone dropped, IPv4-mapped unified."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=8192)
def network_of(address: str, ipv6_prefix: int = 64) -> str:
    """The text that stands for one client: an IPv4 address, or an IPv6 network.

    :param ipv6_prefix: bits; one customer is commonly given a whole /64.
    """
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, ipv6_prefix), strict=False))
    return str(parsed) if parsed else address


class ClientAddress:
    """Finds the client's address in a WSGI environ.

    :param trusted: networks whose hosts may speak for others.
    """

    def __init__(self, trusted: tuple[Network, ...] = ()) -> None:
        self.trusted = trusted
        self._warned = False

    def of(self, environ: Mapping[str, Any]) -> str:
        """The client's address as text; :data:`UNIX_PEER` if there is none at all."""
        client, _ = self.trace(environ)
        return str(client) if client is not None else UNIX_PEER

    def trace(self, environ: Mapping[str, Any]) -> tuple[Address | None, bool]:
        """The last address that is known, and whether nobody is hidden behind it.

        A proxy that hides its client (``unknown``), or has it on a unix socket, names no address:
        then what is known is the proxy's own, which says nothing of who asks.
        """
        peer = parse_address(environ.get("REMOTE_ADDR") or "")
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        if forwarded and (peer is None or self._trusts(peer)):
            return self._walk(forwarded, peer)
        if forwarded and not self.trusted:
            self._warn(environ)
        return peer, True

    def _walk(self, forwarded: str, peer: Address | None) -> tuple[Address | None, bool]:
        # A peer without an address sits on a unix socket, where only a local proxy can be.
        client = peer
        for hop in reversed(forwarded.split(",")):
            address = parse_address(hop)
            if address is None:
                return client, False
            client = address
            if not self._trusts(address):
                break
        return client, True

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.trusted)

    def _warn(self, environ: Mapping[str, Any]) -> None:
        if self._warned or "werkzeug.proxy_fix.orig" in environ:
            return
        self._warned = True
        logger.warning(
            "X-Forwarded-For from %r is ignored: if that is your proxy, "
            "name its network in TRUSTED_PROXIES, or every client behind it counts as one",
            environ.get("REMOTE_ADDR"),
        )


def client_address(app: Flask) -> ClientAddress:
    """The app's one :class:`ClientAddress`, made on first use from ``TRUSTED_PROXIES``."""
    found: ClientAddress | None = app.extensions.get("rf_client_address")
    if found is None:
        found = ClientAddress(resolve(app, ProxyOptions).trusted_proxies)
        app.extensions["rf_client_address"] = found
    return found
