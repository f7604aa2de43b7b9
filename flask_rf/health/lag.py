"""How late gevent's loop is: what holds it holds every request of the process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from .result import grade
from .result import Result

_NAP = 0.01  # seconds


def runs_greenlets() -> bool:
    """Whether threads are greenlets in this process, so that a sleep waits for the loop."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def lag_check(warn: float, fail: float) -> Callable[[], Result]:
    """The check of the loop's lag; ``warn`` and ``fail`` in seconds."""

    def check() -> Result:
        started = time.perf_counter()
        time.sleep(_NAP)
        lag = max(0.0, time.perf_counter() - started - _NAP)
        status = grade(lag, warn, fail)
        return Result(
            status,
            "" if status == "pass" else f"{lag:.2f} s late",
            {
                "componentType": "component",
                "observedValue": round(lag * 1000, 2),
                "observedUnit": "ms",
            },
        )

    return check
