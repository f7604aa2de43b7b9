"""How late gevent's loop is: what holds it holds every request of the process."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .result import grade
from .result import Result

_NAP = 0.01  # seconds


@dataclass(frozen=True)
class LagCheck:
    """Measures how much later than asked a sleeping greenlet is woken.

    :param warn: seconds from which it warns.
    :param fail: seconds from which it fails.
    """

    warn: float = 0.1
    fail: float = 0.5

    def __call__(self) -> Result:
        started = time.perf_counter()
        time.sleep(_NAP)
        lag = max(0.0, time.perf_counter() - started - _NAP)
        status = grade(lag, self.warn, self.fail)
        details = {
            "componentType": "component",
            "observedValue": round(lag * 1000, 2),
            "observedUnit": "ms",
        }
        return Result(status, "" if status == "pass" else f"{lag:.2f} s late", details)
