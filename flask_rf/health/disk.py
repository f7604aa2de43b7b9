"""How full a disk is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from ..eventloop import off_the_loop
from .result import grade
from .result import Result


@dataclass(frozen=True)
class DiskCheck:
    """Looks at the disk that holds ``path``.

    :param warn: percent in use from which it warns.
    :param fail: percent in use from which it fails.
    """

    path: str
    warn: float = 80.0
    fail: float = 95.0

    def __call__(self) -> Result:
        # A network disk may hang, and no library makes that wait yield.
        usage = off_the_loop(shutil.disk_usage, self.path)
        # Not of the total, part of which only root may fill.
        share = 100 * usage.used / ((usage.used + usage.free) or 1)
        status = grade(share, self.warn, self.fail)
        details = {
            "componentType": "system",
            "componentId": self.path,
            "observedValue": round(share, 1),
            "observedUnit": "percent",
            "freeBytes": usage.free,
        }
        return Result(status, "" if status == "pass" else f"{share:.0f} % used", details)
