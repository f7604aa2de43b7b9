"""Redis for as long as it answers; this process's memory, or a fixed answer, while it does not."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeVar

from ..redis import failures
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

    shared = True

    def __init__(self, remote: Store, local: Store, breaker: Breaker) -> None:
        self._remote = remote
        self._local = local
        self._breaker = breaker

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        verdicts = self._attempt(lambda: self._remote.take(claims))
        return self._take_without(claims) if verdicts is None else verdicts

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        local, remote = [], []
        for pair in zip(claims, verdicts, strict=True):
            if pair[1].held_by is self._remote:
                remote.append(pair)
            elif pair[1].held_by is self._local:
                local.append(pair)
        if local:
            self._local.refund(*zip(*local, strict=True))
        if remote:
            taken, marks = zip(*remote, strict=True)
            self._attempt(lambda: self._remote.refund(taken, marks))

    def clear(self, keys: Sequence[str]) -> bool:
        self._local.clear(keys)
        return self._attempt(lambda: self._remote.clear(keys)) or False

    def keys(self, namespace: str, ending: str = "") -> list[str]:
        found = self._attempt(lambda: self._remote.keys(namespace, ending))
        return self._local.keys(namespace, ending) if found is None else found

    def _attempt(self, work: Callable[[], T]) -> T | None:
        """What ``work`` returns; None if Redis fails now, or did lately."""
        if not self._breaker.allows():
            return None
        try:
            result = work()
        except failures() as error:
            self._breaker.failed(unavailable("rate limits", error).reason)
            return None
        self._breaker.succeeded()
        return result

    def _take_without(self, claims: Sequence[Claim]) -> list[Verdict]:
        if any(claim.policy.on_error == "deny" for claim in claims):
            return [_uncounted(claim, claim.policy.on_error != "deny") for claim in claims]
        counted = [claim for claim in claims if claim.policy.on_error == "local"]
        verdicts = iter(self._local.take(counted))
        return [
            next(verdicts) if claim.policy.on_error == "local" else _uncounted(claim, True)
            for claim in claims
        ]


def _uncounted(claim: Claim, allowed: bool) -> Verdict:
    if allowed:
        return Verdict(True, claim.policy.count, 0, 0, 0, None)
    return Verdict(False, 0, _DENIED_FOR, _DENIED_FOR, 0, None)
