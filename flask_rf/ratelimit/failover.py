"""Redis for as long as it answers; this process's memory, or a fixed answer, while it does not."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeVar

from ..errors import RedisUnavailable
from ..redis import unavailable
from ..redis.breaker import Breaker
from .store import Claim
from .store import Store
from .store import Verdict

T = TypeVar("T")

#: Microseconds after which a client denied for want of Redis may try again.
_DENIED_FOR = 1_000_000


class Failover:
    """A :class:`~.store.Store` that never fails and hardly waits.

    :param remote: the shared counts.
    :param local: where limits count that go on without it.
    """

    def __init__(self, remote: Store, local: Store, breaker: Breaker) -> None:
        self._remote = remote
        self._local = local
        self._breaker = breaker

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        try:
            return self._attempt("rate limit check", lambda: self._remote.take(claims))
        except RedisUnavailable:
            return self._take_without(claims)

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        pairs = list(zip(claims, verdicts, strict=True))
        local = [pair for pair in pairs if pair[1].held_by is self._local]
        remote = [pair for pair in pairs if pair[1].held_by is self._remote]
        if local:
            self._local.refund(*zip(*local, strict=True))
        if remote:
            taken, marks = zip(*remote, strict=True)
            self._attempt("rate limit refund", lambda: self._remote.refund(taken, marks))

    def clear(self, keys: Sequence[str]) -> None:
        self._local.clear(keys)
        self._attempt("rate limit reset", lambda: self._remote.clear(keys))

    def _attempt(self, operation: str, work: Callable[[], T]) -> T:
        """:raises RedisUnavailable: it failed now, or lately."""
        from redis.exceptions import RedisError

        if not self._breaker.allows():
            raise RedisUnavailable(operation, "it failed a moment ago")
        try:
            result = work()
        except (RedisError, OSError) as error:
            failure = unavailable(operation, error)
            self._breaker.failed(failure.reason)
            raise failure from error
        self._breaker.succeeded()
        return result

    def _take_without(self, claims: Sequence[Claim]) -> list[Verdict]:
        if any(claim.policy.on_error == "deny" for claim in claims):
            return [self._fixed(claim, claim.policy.on_error != "deny") for claim in claims]
        counted = [claim for claim in claims if claim.policy.on_error == "local"]
        verdicts = iter(self._local.take(counted))
        return [
            next(verdicts) if claim.policy.on_error == "local" else self._fixed(claim, True)
            for claim in claims
        ]

    def _fixed(self, claim: Claim, allowed: bool) -> Verdict:
        wait = 0 if allowed else _DENIED_FOR
        return Verdict(allowed, claim.policy.count if allowed else 0, wait, wait, 0, None)
