"""The settings of metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from .. import kinds
from ..access import LOOPBACK
from ..kinds import Network
from ..settings import Options
from ..settings import setting


def path(raw: Any) -> str:
    """The kind of setting that holds the path of a URL."""
    written = kinds.text(raw)
    if re.fullmatch(r"(/[\w.~-]+)+", written):
        return written
    raise ValueError("write a path like /metrics")


@dataclass(frozen=True)
class MetricsOptions(Options):
    prefix: ClassVar[str] = "METRICS_"

    enabled: bool | None = setting(
        kinds.optional(kinds.boolean),
        doc="Whether there are metrics; by default where prometheus-client is installed.",
    )
    path: str = setting(path, "/metrics", doc="Where the app answers scrapes.")
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
