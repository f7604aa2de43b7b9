"""Counts in this process's memory: no threads, nothing swept; what is old goes when touched."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Sequence
from threading import Lock

from .policy import Policy
from .store import Claim
from .store import Verdict
from .strategies import Leases
from .strategies import State
from .strategies import STATES


class MemoryStore:
    """A :class:`~.store.Store` for one process.

    :param capacity: keys kept; beyond it the least recently used goes.
    :param clock: nanoseconds, never running backwards.
    """

    shared = False

    def __init__(
        self, capacity: int = 100_000, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._capacity = capacity
        self._clock = clock
        self._kept: OrderedDict[str, tuple[State, Policy]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        with self._lock:
            now = self._clock() // 1000
            denied, found = False, []
            for claim in claims:
                policy, key, cost, _ = claim
                kept = self._kept.get(key)
                state = kept[0] if kept is not None else STATES[policy.strategy]()
                wait = state.wait(now, policy, cost)
                denied = denied or (wait > 0 and not policy.limit.shadow)
                found.append((claim, state, wait))
            return [self._settle(now, claim, state, wait, denied) for claim, state, wait in found]

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        with self._lock:
            now = self._clock() // 1000
            for (policy, key, cost, _), verdict in zip(claims, verdicts, strict=True):
                kept = self._kept.get(key)
                if kept is not None:
                    kept[0].refund(now, policy, cost, verdict.mark)

    def renew(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        with self._lock:
            now = self._clock() // 1000
            for (_, key, _, _), verdict in zip(claims, verdicts, strict=True):
                kept = self._kept.get(key)
                if kept is not None and isinstance(kept[0], Leases):
                    kept[0].renew(now, verdict.mark)
                    self._kept.move_to_end(key)

    def clear(self, keys: Sequence[str]) -> bool:
        with self._lock:
            for key in keys:
                self._kept.pop(key, None)
        return True

    def keys(self, namespace: str, ending: str = "") -> list[str]:
        with self._lock:
            now = self._clock() // 1000
            alive = [key for key, kept in self._kept.items() if not _expired(kept, now)]
        return [k for k in alive if k.startswith(f"{namespace}:") and k.endswith(ending)]

    def _settle(self, now: int, claim: Claim, state: State, wait: int, denied: bool) -> Verdict:
        policy, key, cost, _ = claim
        if cost and not wait and not denied:
            state.add(now, policy, cost)
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                self._kept[key] = (state, policy)
                self._forget(now)
        remaining, reset, mark = state.left(now, policy)
        return Verdict(not wait, remaining, reset, wait, mark, self)

    def _forget(self, now: int) -> None:
        # Two for each new key keep up with any flood, and nobody pays for a sweep of them all.
        for _ in range(2):
            oldest, kept = next(iter(self._kept.items()))
            if not _expired(kept, now) and len(self._kept) <= self._capacity:
                return
            del self._kept[oldest]


def _expired(kept: tuple[State, Policy], now: int) -> bool:
    state, policy = kept
    return state.expires(policy) <= now
