"""Tells whoever listens what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from flask import Flask

from ..signals import limit_denied
from ..signals import limit_hit
from ..signals import limit_near
from ..signals import limits_decided
from ..signals import redis_asked
from .redis import Commands
from .responses import Decision


def announce_decided(app: Flask, started: float) -> None:
    """Tell how long the decision about a request took.

    :param started: what ``perf_counter`` said before it.
    """
    if limits_decided.receivers:
        limits_decided.send(app, seconds=perf_counter() - started)


class Announced:
    """A :class:`~.redis.Commands` that tells how long Redis took to answer."""

    def __init__(self, app: Flask, commands: Commands) -> None:
        self.scan = commands.scan
        self._app = app
        self._execute = commands.execute

    def execute(self, *command: Any) -> Any:
        if not redis_asked.receivers:
            return self._execute(*command)
        started = perf_counter()
        try:
            return self._execute(*command)
        finally:
            redis_asked.send(self._app, feature="ratelimit", seconds=perf_counter() - started)


def announce(app: Flask, decisions: Sequence[Decision], admitted: bool) -> None:
    """Send the signals of one request's decisions; costs next to nothing when nobody listens."""
    if not (limit_hit.receivers or limit_denied.receivers or limit_near.receivers):
        return
    for decision in decisions:
        if decision.breached:
            _send_denied(app, decision)
        elif admitted:
            _send_hit(app, decision)


def _send_hit(app: Flask, decision: Decision) -> None:
    policy, remaining = decision.claim.policy, decision.remaining
    limit_hit.send(app, limit=str(policy.limit), key=decision.key, remaining=remaining)
    if remaining <= policy.count // 5 < remaining + decision.claim.cost:
        limit_near.send(app, limit=str(policy.limit), key=decision.key, remaining=remaining)


def _send_denied(app: Flask, decision: Decision) -> None:
    limit_denied.send(
        app,
        limit=str(decision.limit),
        key=decision.key,
        retry_after=decision.retry_after,
        shadow=decision.limit.shadow,
    )
