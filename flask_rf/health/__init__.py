"""Health: what a load balancer, an orchestrator and a person ask a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from flask import Flask

from .. import hooks
from ..blueprints import EveryHost
from ..checks import add_check
from ..checks import add_checks
from ..checks import Check
from ..errors import ConfigurationError
from ..errors import SetupError
from ..eventloop import runs_greenlets
from ..lifecycle import on_worker_leave
from ..recipe import Recipe
from ..settings import resolve
from .database import DatabaseCheck
from .disk import DiskCheck
from .lag import LagCheck
from .memory import is_known
from .memory import MemoryCheck
from .monitor import Monitor
from .options import HealthOptions
from .redis import RedisCheck
from .redis import RedisChecks
from .result import Result

__all__ = [
    "DatabaseCheck",
    "DiskCheck",
    "Health",
    "HealthOptions",
    "LagCheck",
    "MemoryCheck",
    "Monitor",
    "RedisCheck",
    "Result",
]

F = TypeVar("F", bound=Callable[[], Any])


class Health(Recipe[Monitor]):
    """Answer probes at ``/health``, ``/health/live``, ``/health/ready`` and ``/health/startup``::

        health = Health(app)

        @health.check("warehouse", critical=False)
        def warehouse(): return warehouse_client.ping()

    Options are the fields of :class:`HealthOptions`.
    """

    name = "health"
    options = HealthOptions

    def __init__(self, app: Flask | None = None, **options: Any) -> None:
        self._checks: dict[str, Check] = {}
        super().__init__(app, **options)

    def compile(self, app: Flask) -> Monitor:
        options = resolve(app, HealthOptions, self.given)
        add_checks(app, RedisChecks(app, options))
        for check in (*_built_in_checks(app, options), *self._checks.values()):
            add_check(app, check)
        monitor = Monitor(app, options)
        _add_routes(app, monitor, options.url_prefix)
        hooks.place(app, "health", before=monitor.before)
        on_worker_leave(app, monitor.drain)
        return monitor

    def check(
        self,
        name: str,
        *,
        critical: bool = True,
        timeout: float | None = None,
        ready: bool = True,
    ) -> Callable[[F], F]:
        """Decorate a function that checks something the app depends on; see :meth:`add`."""
        if not isinstance(name, str):
            raise ConfigurationError("the health check's name", name, 'write @health.check("name")')

        def decorate(function: F) -> F:
            self.add(name, function, critical=critical, timeout=timeout, ready=ready)
            return function

        return decorate

    def add(
        self,
        name: str,
        function: Callable[[], Any],
        *,
        critical: bool = True,
        timeout: float | None = None,
        ready: bool = True,
    ) -> None:
        """Add a check, such as ``health.add("database", DatabaseCheck(db))``.

        :param function: returns None, True, False, a dict or a :class:`Result`, or raises.
        :param critical: whether its failure is the app's, not a mere warning.
        :param timeout: seconds; ``HEALTH_TIMEOUT`` if None.
        :param ready: whether the app can serve only while it passes.
        :raises SetupError: there is a check of that name.
        """
        if name in self._checks:
            raise SetupError(f"the health check {name!r} exists already: choose another name")
        check = Check(name, function, critical, timeout, ready)
        for app in self._apps:
            add_check(app, check)
        self._checks[name] = check

    def drain(self) -> None:
        """Report not ready from now on: no new requests should be sent here."""
        self.compiled.drain()


def _add_routes(app: Flask, monitor: Monitor, prefix: str) -> None:
    blueprint = EveryHost("rf_health", __name__, template_folder="templates")
    for endpoint, view in monitor.views.items():
        name = endpoint.rpartition(".")[2]
        rule = prefix if name == "everything" else f"{prefix}/{name}"
        blueprint.add_url_rule(rule, name, view)
    app.register_blueprint(blueprint)
    hooks.exempt(app, *monitor.views)


def _built_in_checks(app: Flask, options: HealthOptions) -> list[Check]:
    """Those that need no words of the user, and that nobody has to wait for."""
    checks = []
    for path in options.disk_paths:
        disk = DiskCheck(path, options.disk_warn, options.disk_fail)
        checks.append(Check(f"disk:{path}", disk, ready=False))
    memory = MemoryCheck(options.memory_warn, options.memory_fail)
    lag = LagCheck(options.lag_warn, options.lag_fail)
    checks.append(Check("memory", memory, ready=False, applies=is_known))
    checks.append(Check("event loop", lag, critical=False, ready=False, applies=runs_greenlets))
    return checks
