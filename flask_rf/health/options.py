"""The settings of health."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from .. import kinds
from ..errors import ConfigurationError
from ..settings import Options
from ..settings import setting


def directories(raw: Any) -> tuple[str, ...]:
    """The kind of setting that names directories of this machine."""
    named = tuple(dict.fromkeys(kinds.strings(raw)))  # one check each
    for name in named:
        if not os.path.isdir(name):
            raise ValueError(f"{name!r:.80} is no directory here; name the ones the app writes to")
    return named


@dataclass(frozen=True)
class HealthOptions(Options):
    prefix: ClassVar[str] = "HEALTH_"

    url_prefix: str = setting(
        kinds.url_path("/health"), "/health", key="HEALTH_PREFIX", doc="Path of the endpoints."
    )
    details: str | Callable[[], bool] = setting(
        kinds.either(kinds.function, kinds.choice("debug", "always", "never")),
        "debug",
        doc="Who sees single checks: debug, always, never, or a function called in the request.",
    )
    timeout: float = setting(kinds.number(0.001), 1.0, doc="Seconds a check may take.")
    total_timeout: float = setting(
        kinds.number(0.001), 2.0, doc="Seconds all checks together may take."
    )
    cache: float = setting(kinds.number(0), 1.0, doc="Seconds for which results are kept.")
    interval: float = setting(
        kinds.number(0), 0.0, doc="Seconds between runs in the background; 0 runs when asked."
    )
    failures: int = setting(
        kinds.whole(1), 1, doc="Failures in a row before a critical check counts as failing."
    )
    redis_critical: bool | None = setting(
        kinds.optional(kinds.boolean),
        doc="Whether the app fails without Redis; by default where a limit denies without it.",
    )
    disk_paths: tuple[str, ...] = setting(
        directories, derive=lambda app: (app.root_path,), doc="Directories whose disks to watch."
    )
    disk_warn: float = setting(kinds.number(0, 100), 80.0, doc="Percent of a disk to warn at.")
    disk_fail: float = setting(kinds.number(0, 100), 95.0, doc="Percent of a disk to fail at.")
    memory_warn: float = setting(kinds.number(0, 100), 80.0, doc="Percent of memory to warn at.")
    memory_fail: float = setting(kinds.number(0, 100), 95.0, doc="Percent of memory to fail at.")
    lag_warn: float = setting(
        kinds.number(0), 0.1, doc="Seconds the event loop may lag before a warning."
    )
    lag_fail: float = setting(
        kinds.number(0), 0.5, doc="Seconds the event loop may lag before it fails."
    )

    def __post_init__(self) -> None:
        for what in ("disk", "memory", "lag"):
            warn, fail = getattr(self, f"{what}_warn"), getattr(self, f"{what}_fail")
            if warn > fail:
                key = f"HEALTH_{what.upper()}_WARN"
                raise ConfigurationError(
                    key, warn, f"write at most HEALTH_{what.upper()}_FAIL, which is {fail:g}"
                )
