"""Counts in a Redis Cluster, where a script sees the keys of one slot only.

All counts of one client share a hash tag, and so a slot. Limits that count by different
keys are decided side by side, slot by slot, and given back if one of them denies.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..redis.script import Script
from ..redis.sender import Commands
from .redis import DECIDE
from .redis import RedisStore
from .redis import REFUND
from .redis import RENEW
from .store import Claim
from .store import Verdict


class ClusterStore(RedisStore):
    """A :class:`~.store.Store` shared by every process, in a Cluster."""

    def __init__(self, commands: Commands) -> None:
        super().__init__(commands)
        self._execute_each = commands.execute_each

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        groups = _by_tag(claims)
        if len(groups) == 1:
            return super().take(claims)
        self._end_lost()
        verdicts, failed = self._ask(claims, groups)
        if failed or any(_denies(claims[place], verdicts[place]) for place in verdicts):
            self._give_back(claims, groups, verdicts)
        if failed:
            raise failed[0]
        return [verdicts[place] for place in range(len(claims))]

    def _refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        self._each_slot(REFUND, claims, verdicts)

    def renew(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        self._each_slot(RENEW, claims, verdicts)

    def _each_slot(
        self, script: Script, claims: Sequence[Claim], verdicts: Sequence[Verdict]
    ) -> None:
        calls = [
            self._taken([claims[p] for p in places], [verdicts[p] for p in places])
            for places in _by_tag(claims)
        ]
        for reply in script.run_each(self._execute_each, calls):
            if isinstance(reply, Exception):
                raise reply

    def _ask(
        self, claims: Sequence[Claim], groups: list[list[int]]
    ) -> tuple[dict[int, Verdict], list[Exception]]:
        """The verdicts of the groups whose server answered, by place, and what others raised."""
        nonce, asked = self._next_nonce(), [[claims[p] for p in places] for places in groups]
        calls = [self._decision(group, nonce) for group in asked]
        replies = DECIDE.run_each(self._execute_each, calls)
        verdicts: dict[int, Verdict] = {}
        for places, group, reply in zip(groups, asked, replies, strict=True):
            if isinstance(reply, Exception):
                self._lose(group, nonce)
            else:
                verdicts.update(zip(places, self._verdicts(group, reply, nonce), strict=True))
        return verdicts, [reply for reply in replies if isinstance(reply, Exception)]

    def _give_back(
        self, claims: Sequence[Claim], groups: list[list[int]], verdicts: dict[int, Verdict]
    ) -> None:
        """Refund the groups that were met, and have their verdicts say so."""
        met = [
            place
            for places in groups
            if not any(p not in verdicts or _denies(claims[p], verdicts[p]) for p in places)
            for place in places
            if verdicts[place].allowed
        ]
        if met:
            self.refund([claims[p] for p in met], [verdicts[p] for p in met])
        for p in met:
            left = verdicts[p].remaining + claims[p].cost
            verdicts[p] = verdicts[p]._replace(remaining=min(left, claims[p].policy.count))


def _by_tag(claims: Sequence[Claim]) -> list[list[int]]:
    """The places of the claims that share a hash tag, group by group."""
    groups: dict[str, list[int]] = {}
    for place, claim in enumerate(claims):
        groups.setdefault(claim.key[len(claim.policy.prefix) :], []).append(place)
    return list(groups.values())


def _denies(claim: Claim, verdict: Verdict) -> bool:
    return not verdict.allowed and not claim.policy.limit.shadow
