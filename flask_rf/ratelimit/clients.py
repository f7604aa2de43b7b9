"""Whose request it is: the key a limit counts by."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from functools import lru_cache
from inspect import Parameter
from inspect import signature
from typing import Any

from flask import current_app
from flask import Flask
from flask import Request
from flask import request as current_request

from ..client_address import client_address
from ..client_address import network_of
from ..client_address import UNIX_PEER
from .policy import Policy

logger = logging.getLogger("flask_rf")


def get_remote_address() -> str:
    """The client's address as text, seen through ``TRUSTED_PROXIES`` only."""
    return client_address(current_app).of(current_request.environ)


class Clients:
    """Finds the client of a request.

    :param ipv6_prefix: bits of an IPv6 address that make one client.
    :param key: the app's own answer, instead of the address.
    """

    def __init__(self, app: Flask, ipv6_prefix: int, key: Callable[..., Any] | None) -> None:
        self._addresses = client_address(app)
        self._ipv6_prefix = ipv6_prefix
        self._key = key
        self._warned = False
        self._peer = lru_cache(maxsize=8192)(lambda peer: self._network({"REMOTE_ADDR": peer}))

    def key(self, request: Request, policy: Policy) -> str:
        """The client as ``policy`` counts it; for an empty key, the address."""
        key = policy.limit.key
        if key is None:
            key = self._key
        if callable(key):
            key = call(key, request)
        client = self.address(request) if key is None or key == "" else str(key)
        scope = policy.limit.scope
        return f"{scope(request.endpoint or '')}|{client}" if callable(scope) else client

    def address(self, request: Request) -> str:
        """The text that stands for the address: itself, or an IPv6 network."""
        environ = request.environ
        if "HTTP_X_FORWARDED_FOR" in environ:
            network = self._network(environ)
        else:
            network = self._peer(environ.get("REMOTE_ADDR"))
        if network == UNIX_PEER:
            self._warn()
        return network

    def _network(self, environ: Mapping[str, Any]) -> str:
        return network_of(self._addresses.of(environ), self._ipv6_prefix)

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "Requests arrive on a unix socket without X-Forwarded-For: for limits by address "
                "all clients are one; let the proxy set the header"
            )


def call(function: Callable[..., Any], request: Request) -> Any:
    """``function(request)``, or ``function()`` where it takes nothing."""
    return function(request) if _takes_argument(function) else function()


@lru_cache(maxsize=1024)
def _takes_argument(function: Callable[..., Any]) -> bool:
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.kind in kinds and p.default is p.empty for p in parameters)
