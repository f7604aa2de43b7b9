"""How full a disk is."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from ..eventloop import off_the_loop
from .result import grade
from .result import Result


def disk_check(path: str, warn: float, fail: float) -> Callable[[], Result]:
    """The check of the disk that holds ``path``; ``warn`` and ``fail`` in percent."""

    def check() -> Result:
        # A network disk may hang, and no library makes that wait yield.
        usage = off_the_loop(shutil.disk_usage, path)
        # Not of the total, part of which only root may fill.
        share = 100 * usage.used / ((usage.used + usage.free) or 1)
        status = grade(share, warn, fail)
        return Result(
            status,
            "" if status == "pass" else f"{share:.0f} % used",
            {
                "componentType": "system",
                "componentId": path,
                "observedValue": round(share, 1),
                "observedUnit": "percent",
                "freeBytes": usage.free,
            },
        )

    return check
