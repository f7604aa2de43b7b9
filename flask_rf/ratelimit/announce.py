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
from .responses import Decision


def announce(app: Flask, decisions: Sequence[Decision], admitted: bool, started: float) -> None:
    """Send the signals of one request's decisions; costs next to nothing when nobody listens.

    :param started: what ``perf_counter`` said before they were made.
    """
    if limits_decided.receivers:
        seconds = perf_counter() - started
        outcomes = [(d.claim.policy.text, _outcome(d)) for d in decisions if admitted or d.breached]
        limits_decided.send(app, outcomes=outcomes, seconds=seconds)
    for decision in decisions:
        if decision.breached:
            _send_denied(app, decision)
        elif admitted:
            _send_hit(app, decision)


def _outcome(decision: Decision) -> str:
    if not decision.breached:
        return "allowed"
    return "denied" if decision.denies else "shadowed"


def _send_hit(app: Flask, decision: Decision) -> None:
    policy, remaining = decision.claim.policy, decision.remaining
    terms: dict[str, Any] = {
        "limit": policy.text,
        "key": decision.key,
        "remaining": remaining,
    }
    if limit_hit.receivers:
        limit_hit.send(app, **terms)
    if remaining <= policy.count // 5 < remaining + decision.claim.cost and limit_near.receivers:
        limit_near.send(app, **terms)


def _send_denied(app: Flask, decision: Decision) -> None:
    if limit_denied.receivers:
        limit_denied.send(
            app,
            limit=decision.claim.policy.text,
            key=decision.key,
            retry_after=decision.retry_after,
            shadow=decision.limit.shadow,
        )
