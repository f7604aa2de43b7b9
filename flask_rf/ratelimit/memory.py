"""Counts in this process's memory: no threads, nothing swept; what is old goes when touched."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Sequence
from threading import Lock

from .store import Claim
from .store import Verdict
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
        self._states: OrderedDict[str, State] = OrderedDict()
        self._expiry: dict[str, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._states)

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        with self._lock:
            now = self._clock() // 1000
            states = [self._state(claim) for claim in claims]
            waits = [
                state.wait(now, policy, cost)
                for state, (policy, _, cost, _) in zip(states, claims, strict=True)
            ]
            denied = any(
                wait and not claim.policy.limit.shadow
                for wait, claim in zip(waits, claims, strict=True)
            )
            return [
                self._settle(now, state, claim, wait, denied)
                for state, claim, wait in zip(states, claims, waits, strict=True)
            ]

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        with self._lock:
            now = self._clock() // 1000
            for (policy, key, cost, _), verdict in zip(claims, verdicts, strict=True):
                state = self._states.get(key)
                if state is not None:
                    state.refund(now, policy, cost, verdict.mark)

    def clear(self, keys: Sequence[str]) -> bool:
        with self._lock:
            for key in keys:
                self._states.pop(key, None)
                self._expiry.pop(key, None)
        return True

    def keys(self, namespace: str, ending: str = "") -> list[str]:
        with self._lock:
            now = self._clock() // 1000
            alive = [key for key, expiry in self._expiry.items() if expiry > now]
        return [k for k in alive if k.startswith(f"{namespace}:") and k.endswith(ending)]

    def _state(self, claim: Claim) -> State:
        return self._states.get(claim.key) or STATES[claim.policy.strategy]()

    def _settle(self, now: int, state: State, claim: Claim, wait: int, denied: bool) -> Verdict:
        policy, key, cost, _ = claim
        if cost and not wait and not denied:
            state.add(now, policy, cost)
            self._keep(now, key, state, state.expires(policy))
        remaining, reset, mark = state.left(now, policy)
        return Verdict(not wait, remaining, reset, wait, mark, self)

    def _keep(self, now: int, key: str, state: State, expiry: int) -> None:
        self._states[key] = state
        self._states.move_to_end(key)
        self._expiry[key] = expiry
        self._forget(now)

    def _forget(self, now: int) -> None:
        # Two a hit keep up with any flood of keys, and no hit pays for a sweep of them all.
        for _ in range(2):
            oldest = next(iter(self._states))
            if self._expiry[oldest] > now and len(self._states) <= self._capacity:
                return
            del self._states[oldest], self._expiry[oldest]
