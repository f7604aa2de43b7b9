"""The keys that limits have denied lately, or that are near one. Pure; bounded."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

_LASTS = 60.0  # seconds a key is remembered
_MOST = 200
_TOLD = 10


class RecentKeys:
    """Keys of clients with what was last said of them, the latest last.

    :param clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._keys: OrderedDict[tuple[str, str], tuple[float, int, int]] = OrderedDict()

    def add(self, limit: str, key: str, remaining: int = 0) -> None:
        """:param remaining: requests the key has left."""
        _, times, _ = self._keys.pop((limit, key), (0.0, 0, 0))
        self._keys[limit, key] = self._clock(), times + 1, remaining
        if len(self._keys) > _MOST:
            self._keys.popitem(last=False)

    def told(self) -> list[list[Any]]:
        """Key, limit, how often, what is left and seconds since, of the latest."""
        now = self._clock()
        while self._keys and now - next(iter(self._keys.values()))[0] > _LASTS:
            self._keys.popitem(last=False)
        latest = list(self._keys.items())[: -_TOLD - 1 : -1]
        return [
            [key, limit, times, remaining, round(now - last, 1)]
            for (limit, key), (last, times, remaining) in latest
        ]
