"""Metrics for Prometheus: what requests, limits, sockets and Redis do, and what you count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flask import Flask

from ..errors import ConfigurationError
from ..lifecycle import on_worker_start
from ..recipe import Recipe
from ..settings import resolve
from . import families
from .compiled import CompiledMetrics
from .options import MetricsOptions

if TYPE_CHECKING:
    from prometheus_client import Counter
    from prometheus_client import Gauge
    from prometheus_client import Histogram

__all__ = ["Metrics", "MetricsOptions"]


class Metrics(Recipe[CompiledMetrics]):
    """Count what the app does, and tell Prometheus at ``/metrics``::

        metrics = Metrics(app)
        orders = metrics.counter("orders_total", "Orders taken.", ["country"])
        orders.labels("it").inc()

    Options are the fields of :class:`.options.MetricsOptions`.

    :raises SetupError: prometheus-client is not installed.
    :raises ConfigurationError: a setting cannot be meant.
    """

    name = "metrics"
    options = MetricsOptions
    awaits = "METRICS_ENABLED=true, or install prometheus-client"

    @staticmethod
    def configured(app: Flask) -> bool:
        """Whether metrics are asked for, or can be had and are not refused.

        Who installs ``flask-rf[metrics]`` wants them, and they tell nobody but this machine.
        """
        enabled = resolve(app, MetricsOptions).enabled
        return families.is_installed() if enabled is None else enabled

    def compile(self, app: Flask) -> CompiledMetrics:
        options = resolve(app, MetricsOptions, self.given)
        if options.enabled and not families.is_installed():
            remedy = "that needs prometheus-client: pip install 'flask-rf[metrics]'"
            raise ConfigurationError("METRICS_ENABLED", True, remedy)
        compiled = CompiledMetrics(app, options)
        on_worker_start(app, compiled.start)
        return compiled

    def counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        """A counter of your own, prometheus-client's; of one name there is one in a process.

        :param name: ends with ``_total``.
        :param labels: names of labels, whose values must be few: no paths, users or keys.
        :raises SetupError: prometheus-client is not installed.
        :raises ConfigurationError: the name cannot be one, or is taken.
        """
        return families.counter(name, documentation, labels)  # type: ignore[no-any-return]

    def gauge(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        workers: str = "livesum",
    ) -> Gauge:
        """A gauge of your own; see :meth:`counter`.

        :param workers: how those of several workers become one: ``"livesum"``, ``"livemax"``,
            ``"livemin"``, ``"livemostrecent"`` and so on, prometheus-client's multiprocess modes.
        """
        return families.gauge(  # type: ignore[no-any-return]
            name, documentation, labels, workers=workers
        )

    def histogram(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = (),
    ) -> Histogram:
        """A histogram of your own; see :meth:`counter`.

        :param buckets: upper bounds in ascending order; prometheus-client's by default.
        """
        return families.histogram(  # type: ignore[no-any-return]
            name, documentation, labels, buckets=buckets
        )
