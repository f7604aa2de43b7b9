"""Limits on the messages that arrive over a WebSocket.

The handshake is a request like others: ``@limiter.limit`` and ``@limiter.concurrency``
count connections.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask import request as current_request

from .claims import cost_of
from .compiled import CompiledLimiter
from .limit import Limit
from .store import Claim

#: RFC 6455, section 7.4.1: a message that violates its endpoint's policy.
POLICY_VIOLATION = 1008


class SocketLimit:
    """Limits clients' messages: decorates a flask-sock view, or opens a gate to ask.

    :param limits: of one client, over all its sockets.
    :param compiled: gives the current app's limiter.
    """

    def __init__(self, limits: tuple[Limit, ...], compiled: Callable[[], CompiledLimiter]) -> None:
        self._limits = limits
        self._compiled = compiled

    def __call__(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Close a socket of ``view`` with 1008 when its client sends too much."""

        @functools.wraps(view)
        def limited(socket: Any, *args: Any, **kwargs: Any) -> Any:
            return view(LimitedSocket(socket, self.gate()), *args, **kwargs)

        return limited

    def gate(self, client: str | None = None) -> MessageGate:
        """The gate of one client.

        :param client: whose messages are counted; in a request, the limits' keys tell.
        """
        return MessageGate(self._compiled(), self._limits, client)


class MessageGate:
    """Counts one client's messages."""

    def __init__(
        self, compiled: CompiledLimiter, limits: tuple[Limit, ...], client: str | None
    ) -> None:
        self._compiled = compiled
        policies = [compiled.maker.make(limit, f"socket/{_own_scope(limit)}") for limit in limits]
        request = current_request
        self._claims = [
            Claim(policy, policy.storage_key(name), 1, name)
            for policy in policies
            for name in [compiled.clients.key(request, policy) if client is None else client]
        ]

    def allows(self) -> bool:
        """Count a message; false if it is one too many."""
        claims = [claim._replace(cost=cost_of(claim.policy.limit)) for claim in self._claims]
        _, denying = self._compiled.decide(claims)
        return not denying


def _own_scope(limit: Limit) -> str:
    # A function joins the key instead; its text is another one in each process.
    return limit.scope if isinstance(limit.scope, str) else ""


class LimitedSocket:
    """A flask-sock socket whose received messages pass a gate."""

    def __init__(self, socket: Any, gate: MessageGate) -> None:
        self._socket = socket
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def receive(self, timeout: float | None = None) -> Any:
        """The next message.

        :param timeout: seconds to wait for it; None comes back when they are over.
        :raises simple_websocket.ConnectionClosed: the client sent too much, or left.
        """
        from simple_websocket import ConnectionClosed

        message = self._socket.receive(timeout)
        if message is not None and not self._gate.allows():
            self._socket.close(POLICY_VIOLATION, "too many messages")
            raise ConnectionClosed(POLICY_VIOLATION, "too many messages")
        return message
