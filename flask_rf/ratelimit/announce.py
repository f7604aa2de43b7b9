"""Tells whoever listens what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from flask import Flask

from ..signals import limit_denied
from ..signals import limit_hit
from ..signals import limit_near
from ..signals import limits_decided
from .responses import Decision


def announce_decided(app: Flask, started: float) -> None:
    """Tell how long the decision about a request took.

    :param started: what ``perf_counter`` said before it.
    """
    if limits_decided.receivers:
        limits_decided.send(app, seconds=perf_counter() - started)


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
