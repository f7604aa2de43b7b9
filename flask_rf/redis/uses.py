"""Which Redis each feature of an app uses: features say so, and health asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field

from flask import Flask


@dataclass(frozen=True)
class Use:
    """One feature's use of a Redis.

    :param feature: its name, as in signals.
    :param url: as :func:`~.client.redis_url` accepts it.
    :param needed: whether requests fail without it; asked whenever health is.
    """

    feature: str
    url: str = field(repr=False)
    needed: Callable[[], bool]


def add_use(app: Flask, use: Use) -> None:
    _uses(app).append(use)


def uses_of(app: Flask) -> tuple[Use, ...]:
    """In the order they were added."""
    return tuple(_uses(app))


def _uses(app: Flask) -> list[Use]:
    uses: list[Use] = app.extensions.setdefault("rf_redis_uses", [])
    return uses
