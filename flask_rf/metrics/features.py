"""The series of the other features, from what they announce."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from flask import Flask

from .. import signals
from . import families
from .families import Children

_QUICK = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
_NETWORK = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_DELIVERY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
#: What a check came to, as a number: alerts compare it with 1.
_HEALTH = {"pass": 1.0, "warn": 0.5, "fail": 0.0}


class LimiterSeries:
    """What becomes of requests that meet limits."""

    def __init__(self, app: Flask) -> None:
        decisions = families.counter(
            "flask_rf_ratelimit_decisions_total",
            "Decisions of rate limits: allowed, denied, or shadowed, which would have been denied.",
            ("limit", "outcome"),
        )
        self._decisions = Children(decisions)
        self._seconds = families.histogram(
            "flask_rf_ratelimit_decision_seconds",
            "How long the decision about one request took.",
            buckets=_QUICK,
        )
        signals.limits_decided.connect(self._decided, app)

    def _decided(self, app: Flask, outcomes: Sequence[tuple[str, str]], seconds: float) -> None:
        self._seconds.observe(seconds)
        for limit, outcome in outcomes:
            self._decisions.of(limit, outcome).inc()


class BroadcastSeries:
    """Sockets, and what goes over them."""

    def __init__(self, app: Flask) -> None:
        self._connections = families.gauge(
            "flask_rf_ws_connections", "Open WebSockets.", workers="livesum"
        )
        messages = families.counter(
            "flask_rf_ws_messages_total",
            "WebSocket messages: in, as clients sent them; out, events as written to sockets.",
            ("direction",),
        )
        self._in, self._out = messages.labels("in"), messages.labels("out")
        dropped = families.counter(
            "flask_rf_ws_dropped_total",
            "What was given up: a slow_reader, an unpublished event, or one of a webhook.",
            ("reason",),
        )
        self._dropped = Children(dropped)
        self._published = families.counter(
            "flask_rf_broadcast_published_total", "Events published by this process."
        )
        self._delivery = families.histogram(
            "flask_rf_broadcast_delivery_seconds",
            "From an event's publication until the sockets of one process have it.",
            buckets=_DELIVERY,
        )
        signals.socket_opened.connect(self._opened, app)
        signals.socket_closed.connect(self._closed, app)
        signals.message_received.connect(self._received, app)
        signals.events_delivered.connect(self._delivered, app)
        signals.event_dropped.connect(self._drop, app)
        signals.event_published.connect(self._publish, app)

    def _opened(self, app: Flask, **_: Any) -> None:
        self._connections.inc()

    def _closed(self, app: Flask, **_: Any) -> None:
        self._connections.dec()

    def _received(self, app: Flask, **_: Any) -> None:
        self._in.inc()

    def _delivered(self, app: Flask, messages: int, delays: Sequence[float], **_: Any) -> None:
        self._out.inc(messages)
        for delay in delays:
            self._delivery.observe(delay)

    def _drop(self, app: Flask, kind: str, **_: Any) -> None:
        self._dropped.of(kind).inc()

    def _publish(self, app: Flask, **_: Any) -> None:
        self._published.inc()


class RedisSeries:
    """Whether Redis answers, and how soon. An app that never asks it has no such series."""

    def __init__(self, app: Flask) -> None:
        self._lost: set[str] = set()
        signals.redis_asked.connect(self._asked, app)
        signals.store_down.connect(self._down, app)
        signals.store_up.connect(self._up, app)

    @cached_property
    def _seconds(self) -> Any:
        self._up_or_not.set(not self._lost)
        return families.histogram(
            "flask_rf_redis_command_seconds",
            "From a question to Redis until its answer, or until it was waited for no longer.",
            buckets=_NETWORK,
        )

    @cached_property
    def _up_or_not(self) -> Any:
        return families.gauge(
            "flask_rf_redis_up",
            "Whether Redis answers every feature that asks it, in every worker.",
            workers="livemin",
        )

    def _asked(self, app: Flask, seconds: float, **_: Any) -> None:
        self._seconds.observe(seconds)

    def _down(self, app: Flask, feature: str, **_: Any) -> None:
        self._lost.add(feature)
        self._up_or_not.set(0)

    def _up(self, app: Flask, feature: str, **_: Any) -> None:
        self._lost.discard(feature)
        self._up_or_not.set(not self._lost)


class HealthSeries:
    """What the checks came to when they ran last."""

    def __init__(self, app: Flask) -> None:
        status = families.gauge(
            "flask_rf_health_status",
            "What a health check came to when it last ran: 1 pass, 0.5 warn, 0 fail.",
            ("check",),
            workers="livemostrecent",
        )
        self._status = Children(status)
        signals.health_checked.connect(self._checked, app)

    def _checked(self, app: Flask, statuses: Mapping[str, str]) -> None:
        for check, status in statuses.items():
            self._status.of(check).set(_HEALTH[status])


class StorageSeries:
    """How long files took to be stored and read."""

    def __init__(self, app: Flask) -> None:
        seconds = families.histogram(
            "flask_rf_storage_op_seconds",
            "How long an operation on a disk of files took.",
            ("disk", "op", "outcome"),
        )
        self._seconds = Children(seconds)
        signals.storage_operation.connect(self._operated, app)

    def _operated(
        self, app: Flask, disk: str, operation: str, outcome: str, seconds: float, **_: Any
    ) -> None:
        self._seconds.of(disk, operation, outcome).observe(seconds)
