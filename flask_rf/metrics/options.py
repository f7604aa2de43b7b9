"""The settings of metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import kinds
from ..access import LOOPBACK
from ..kinds import Network
from ..settings import Options
from ..settings import setting


@dataclass(frozen=True)
class MetricsOptions(Options):
    prefix: ClassVar[str] = "METRICS_"

    enabled: bool | None = setting(
        kinds.optional(kinds.boolean),
        doc="Whether there are metrics; by default where prometheus-client is installed.",
    )
    path: str = setting(
        kinds.url_path("/metrics"), "/metrics", doc="Where the app answers scrapes."
    )
    allow: tuple[Network, ...] = setting(
        kinds.networks, kinds.networks(LOOPBACK), doc="Networks whose hosts may scrape."
    )
    token: str | None = setting(
        kinds.optional(kinds.text), secret=True, doc="Lets anybody scrape who sends it as bearer."
    )
    bind: tuple[str, int] | None = setting(
        kinds.optional(kinds.listener),
        doc="Where gunicorn serves metrics beside its workers; from the environment.",
    )
