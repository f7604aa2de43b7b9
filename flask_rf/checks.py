"""What an app depends on: any feature adds its checks, health runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from .errors import ConfigurationError
from .errors import SetupError


def _always() -> bool:
    return True


def _is_positive(number: Any) -> bool:
    return isinstance(number, (int, float)) and number > 0


@dataclass(frozen=True)
class Check:
    """One check.

    :param function: called within an app context and in a thread of its own. None and True pass,
        False and whatever it raises fail; a dict passes unless its ``status`` is ``"warn"`` or
        ``"fail"``, with ``output`` as the reason and the rest as details.
    :param critical: whether its failure is the app's, not a mere warning.
    :param timeout: seconds; None for ``HEALTH_TIMEOUT``.
    :param ready: whether the app can serve only while it passes.
    :param applies: asked before each run; what does not apply is not reported.
    """

    name: str
    function: Callable[[], Any]
    critical: bool = True
    timeout: float | None = None
    ready: bool = True
    applies: Callable[[], bool] = _always

    def __post_init__(self) -> None:
        if not callable(self.function):
            remedy = "give a function that checks something"
            raise ConfigurationError(f"the health check {self.name!r}", self.function, remedy)
        if self.timeout is not None and not _is_positive(self.timeout):
            raise ConfigurationError("timeout", self.timeout, "write more than 0 seconds, or None")


def add_check(app: Flask, check: Check) -> None:
    """Add a check to ``app``, whether or not it reports its health.

    :raises SetupError: there is one of that name.
    """
    known = _checks(app)
    if check.name in known:
        raise SetupError(f"the health check {check.name!r} exists already: choose another name")
    known[check.name] = check


def checks_of(app: Flask) -> tuple[Check, ...]:
    """The checks of ``app``, in the order they were added."""
    return tuple(_checks(app).values())


def _checks(app: Flask) -> dict[str, Check]:
    checks: dict[str, Check] = app.extensions.setdefault("rf_health_checks", {})
    return checks
