"""Counts in a Redis Cluster, where a script sees the keys of one slot only.

All counts of one client share a hash tag, and so a slot; limits that count by
different keys are decided slot by slot, and given back if one of them denies.
"""

from __future__ import annotations

from collections.abc import Sequence

from .store import Claim
from .store import Store
from .store import Verdict


class ClusterStore:
    """A :class:`~.store.Store` over one whose claims must share a hash tag.

    :param store: decides the claims of one slot.
    """

    shared = True

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        groups = _by_tag(claims)
        if len(groups) == 1:
            return self._store.take(claims)
        verdicts: dict[int, Verdict] = {}
        try:
            for places in groups:
                taken = self._store.take([claims[place] for place in places])
                verdicts.update(zip(places, taken, strict=True))
        except Exception:
            self._give_back(claims, groups, verdicts)
            raise
        if any(_denies(claims[place], verdict) for place, verdict in verdicts.items()):
            self._give_back(claims, groups, verdicts)
        return [verdicts[place] for place in range(len(claims))]

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        for places in _by_tag(claims):
            self._store.refund([claims[p] for p in places], [verdicts[p] for p in places])

    def clear(self, keys: Sequence[str]) -> bool:
        return self._store.clear(keys)

    def keys(self, namespace: str, ending: str = "") -> list[str]:
        return self._store.keys(namespace, ending)

    def _give_back(
        self, claims: Sequence[Claim], groups: list[list[int]], verdicts: dict[int, Verdict]
    ) -> None:
        """Refund the groups that were met, and have their verdicts say so."""
        for places in groups:
            met = [p for p in places if p in verdicts and verdicts[p].allowed]
            if not met or any(_denies(claims[p], verdicts[p]) for p in places if p in verdicts):
                continue
            self._store.refund([claims[p] for p in met], [verdicts[p] for p in met])
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
