"""The metrics of one app: its series, and the endpoint that tells them."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from flask import Flask

from ..access import Access
from ..client_address import client_address
from ..errors import ConfigurationError
from ..eventloop import beat
from ..eventloop import runs_greenlets
from ..metric_files import DIRECTORY
from ..timing import timing
from . import families
from .features import BroadcastSeries
from .features import HealthSeries
from .features import LimiterSeries
from .features import RedisSeries
from .features import StorageSeries
from .http import HttpSeries
from .options import MetricsOptions
from .scrape import Scrape

_STALLS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class CompiledMetrics:
    """Counts what one app does.

    The series are the process's: those of its other apps are added to them.
    """

    def __init__(self, app: Flask, options: MetricsOptions) -> None:
        families.prometheus()
        self._awake_in = 0
        self._http = HttpSeries(timing(app), self.awake)
        self._features = (
            LimiterSeries(app),
            BroadcastSeries(app),
            RedisSeries(app),
            HealthSeries(app),
            StorageSeries(app),
        )
        self._stalls = families.histogram(
            "flask_rf_hub_stall_seconds",
            "How much later than asked gevent's loop ran, ten times a second.",
            buckets=_STALLS,
        )
        access = Access(options.allow, options.token, client_address(app))
        scrape = Scrape(app.wsgi_app, options.path, access, self.before_scrape)
        app.wsgi_app = scrape  # type: ignore[method-assign]

    def start(self, workers: int) -> None:
        """:raises ConfigurationError: several workers, each with numbers of its own."""
        if workers > 1 and not families.is_shared():
            raise ConfigurationError(
                DIRECTORY,
                os.environ.get(DIRECTORY),
                f"{workers} workers would each tell their own numbers; "
                "name a directory before prometheus-client is imported",
            )
        self.awake()

    def awake(self) -> None:
        """Begin with what is measured from time to time, if this process has not yet."""
        if self._awake_in != os.getpid():
            self._awake_in = os.getpid()
            families.gauge(
                "flask_rf_build_info", "What runs.", ("version", "python"), workers="livemax"
            ).labels(version("flask-rf"), platform.python_version()).set(1)
            beat(self._beat)

    def before_scrape(self) -> None:
        self.awake()
        self._http.tell_active()

    def _beat(self, late: float) -> None:
        self._http.tell_active()
        if runs_greenlets():
            self._stalls.observe(late)
