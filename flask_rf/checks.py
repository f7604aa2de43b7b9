"""What an app depends on: any feature adds its checks, health runs them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from flask import Flask

from .errors import ConfigurationError
from .errors import SetupError

Source = Callable[[], "Iterable[Check]"]


def _always() -> bool:
    return True


def _is_positive(number: Any) -> bool:
    return isinstance(number, (int, float)) and number > 0


def _is_asynchronous(function: Any) -> bool:
    return iscoroutinefunction(function) or iscoroutinefunction(function.__call__)


@dataclass(frozen=True)
class Check:
    """One check.

    :param function: called within an app context and in a thread of its own. None and True pass,
        False and whatever it raises fail; a dict passes unless its ``status`` is ``"warn"`` or
        ``"fail"``, with ``output`` as the reason and the rest as details.
    :param critical: whether its failure is the app's, not a mere warning; a function is asked
        once it has failed.
    :param timeout: seconds; None for ``HEALTH_TIMEOUT``.
    :param ready: whether the app can serve only while it passes.
    :param applies: asked before each run; what does not apply is not reported.
    """

    name: str
    function: Callable[[], Any]
    critical: bool | Callable[[], bool] = True
    timeout: float | None = None
    ready: bool = True
    applies: Callable[[], bool] = _always

    def __post_init__(self) -> None:
        if not callable(self.function):
            remedy = "give a function that checks something"
            raise ConfigurationError(f"the health check {self.name!r}", self.function, remedy)
        if _is_asynchronous(self.function):
            # asgiref's loop, by which Flask runs async views, fails two greenlets at a time.
            remedy = "write it without async; each check has a thread of its own to wait in"
            raise ConfigurationError(f"the health check {self.name!r}", self.function, remedy)
        if self.timeout is not None and not _is_positive(self.timeout):
            raise ConfigurationError("timeout", self.timeout, "write more than 0 seconds, or None")

    @property
    def is_critical(self) -> bool:
        return self.critical() if callable(self.critical) else self.critical


def add_check(app: Flask, check: Check) -> None:
    """Add a check to ``app``, whether or not it reports its health.

    :raises SetupError: there is one of that name.
    """
    if any(check.name == known.name for known in checks_of(app)):
        raise SetupError(f"the health check {check.name!r} exists already: choose another name")
    add_checks(app, lambda: (check,))


def add_checks(app: Flask, checks: Source) -> None:
    """Add checks that depend on what is still to be set up: ``checks`` is asked at each run."""
    _sources(app).append(checks)


def checks_of(app: Flask) -> tuple[Check, ...]:
    """The checks of ``app``, in the order they were added."""
    checks = {check.name: check for source in _sources(app) for check in source()}
    return tuple(checks.values())


def _sources(app: Flask) -> list[Source]:
    sources: list[Source] = app.extensions.setdefault("rf_health_checks", [])
    return sources
