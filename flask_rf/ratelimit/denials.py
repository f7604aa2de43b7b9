"""Denials that are certain for a while: a hammering client costs no round trip."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

from .responses import Decision
from .store import Claim
from .store import Verdict

#: Microseconds a denial is believed at most, so that a count cleared by another process
#: is soon heard of.
BELIEVED_FOR = 5_000_000


class _Denial(NamedTuple):
    decision: Decision
    at: int
    until: int


class Denials:
    """What the shared store denied, until it would allow it.

    :param capacity: denials remembered; beyond it the oldest goes.
    :param clock: nanoseconds, never running backwards.
    """

    def __init__(
        self, capacity: int = 10_000, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._capacity = capacity
        self._clock = clock
        self._denials: dict[str, _Denial] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._denials)

    def find(self, claims: Sequence[Claim]) -> list[Decision]:
        """The decisions, brought up to date, on those of ``claims`` that are denied for certain."""
        denials = self._denials
        if not denials:
            return []
        found = []
        for claim in claims:
            denial = denials.get(claim.key)
            if denial is not None and claim.cost >= denial.decision.claim.cost:
                now = self._clock() // 1000
                if now < denial.until:
                    found.append(_aged(denial, now, claim))
        return found

    def remember(self, decisions: Sequence[Decision]) -> None:
        """Note the certain ones among decisions that denied a request."""
        for decision in decisions:
            if _is_certain(decision):
                self._note(decision)

    def clear(self, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._denials.pop(key, None)

    def _note(self, decision: Decision) -> None:
        now = self._clock() // 1000
        until = now + min(decision.verdict.retry, BELIEVED_FOR)
        with self._lock:
            self._denials.pop(decision.claim.key, None)
            self._denials[decision.claim.key] = _Denial(decision, now, until)
            if len(self._denials) > self._capacity:
                del self._denials[next(iter(self._denials))]


def _is_certain(decision: Decision) -> bool:
    """Whether nothing but time changes it: no refund, no lease that ends, no other store."""
    policy, store = decision.claim.policy, decision.verdict.held_by
    return decision.denies and not policy.returns and store is not None and store.shared


def _aged(denial: _Denial, now: int, claim: Claim) -> Decision:
    verdict, age = denial.decision.verdict, now - denial.at
    reset, retry = max(verdict.reset - age, 0), max(verdict.retry - age, 1)
    return Decision(claim, Verdict(False, verdict.remaining, reset, retry, 0, None))
