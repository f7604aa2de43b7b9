"""Counting by hand, by keys of one's own: failed logins, messages sent, anything.

A count starts with its first hit and ends ``decay`` seconds later, as Laravel's do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from .compiled import CompiledLimiter
from .limit import Limit
from .limit import Rate
from .policy import Policy
from .store import Claim
from .store import Verdict

T = TypeVar("T")


class ByHand:
    """The limiter's methods for counting by hand. They never wait for a dead Redis.

    ``key`` is any text; ``decay`` is in seconds.
    """

    @property
    def compiled(self) -> CompiledLimiter:
        raise NotImplementedError

    def attempt(
        self, key: str, max_attempts: int, callback: Callable[[], T] | None = None, decay: int = 60
    ) -> T | bool:
        """Count an attempt and run ``callback``, if fewer than ``max_attempts`` were made.

        :return: False when too many were, else what ``callback`` returns (True for None). An
            attempt whose callback raises is not counted.
        """
        claim = self._claim(key, max_attempts, decay)
        verdict = self._take(claim)
        if not verdict.allowed:
            return False
        if callback is None:
            return True
        try:
            result = callback()
        except BaseException:
            self.compiled.store.refund([claim], [verdict])
            raise
        return True if result is None else result

    def hit(self, key: str, decay: int = 60) -> int:
        """Count one; returns the attempts so far."""
        return self.increment(key, decay)

    def increment(self, key: str, decay: int = 60, amount: int = 1) -> int:
        """Count ``amount``, 0 or more; returns the attempts so far."""
        _require_amount(amount)
        return self._count(self._claim(key, None, decay, amount))

    def decrement(self, key: str, decay: int = 60, amount: int = 1) -> int:
        """Take ``amount``, 0 or more, back; returns the attempts that stay."""
        _require_amount(amount)
        look = self._claim(key, None, decay, 0)
        self.compiled.store.refund([look._replace(cost=amount)], [self._take(look)])
        return self._count(look)

    def attempts(self, key: str) -> int:
        """The attempts so far."""
        return self._count(self._claim(key, None, 60, 0))

    def too_many_attempts(self, key: str, max_attempts: int) -> bool:
        return self.attempts(key) >= max_attempts

    def remaining(self, key: str, max_attempts: int) -> int:
        """The attempts left of ``max_attempts``."""
        return max(max_attempts - self.attempts(key), 0)

    retries_left = remaining

    def available_in(self, key: str) -> float:
        """Seconds until the count ends; 0 if nothing is counted."""
        return self._take(self._claim(key, None, 60, 0)).reset / 1e6

    def clear(self, key: str) -> None:
        """Forget the count."""
        self.compiled.clear([self._policy(None, 60).storage_key(key)])

    reset_attempts = clear

    def _claim(self, key: str, count: int | None, decay: int, cost: int = 1) -> Claim:
        policy = self._policy(count, decay)
        return Claim(policy, policy.storage_key(key), cost, key)

    def _policy(self, count: int | None, decay: int) -> Policy:
        # One count for all: the key carries neither the limit nor the decay, which calls may vary.
        limit = Limit(Rate(decay * 1_000_000 if count is None else count, decay))
        space = self.compiled.namespace
        return Policy(limit, "fixed-window", "local", f"{space}:hand:{{", "by-hand")

    def _take(self, claim: Claim) -> Verdict:
        return self.compiled.store.take([claim])[0]

    def _count(self, claim: Claim) -> int:
        used: Any = claim.policy.count - self._take(claim).remaining
        return int(used)


def _require_amount(amount: int) -> None:
    if amount < 0:
        raise ValueError(f"amount={amount}: write 0 or more")
