"""What a store of counts is asked and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import Protocol

from .policy import Policy


class Claim(NamedTuple):
    """What one request asks of one limit.

    :param policy: the limit as it is counted.
    :param key: the store's key of the count: the policy's prefix and whose request it is.
    :param cost: units of quota; 0 only looks.
    :param client: whose request it is, as people know them.
    """

    policy: Policy
    key: str
    cost: int = 1
    client: str = ""


class Verdict(NamedTuple):
    """What a limit has to say about a claim. Times are in microseconds from now.

    :param allowed: the claim fits.
    :param remaining: units left, once the claim is met.
    :param reset: until quota comes back.
    :param retry: until the claim would fit; 0 if it does.
    :param mark: tells the store which count a refund takes from.
    :param held_by: the store that counted, and takes refunds; None if nothing was counted.
    """

    allowed: bool
    remaining: int
    reset: int
    retry: int
    mark: Any
    held_by: Store | None


class Store(Protocol):
    """Counts. Claims are met all together or not at all; rejected ones are not counted."""

    #: Whether other processes count here too.
    shared: bool

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        """Meet the claims, if all fit that are not shadows."""

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        """Give back what was taken, where it still counts."""

    def renew(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        """Count leases for another period, where they still count."""

    def clear(self, keys: Sequence[str]) -> bool:
        """Forget counts; returns whether they are forgotten everywhere."""

    def keys(self, namespace: str, ending: str = "") -> list[str]:
        """The keys in use that begin with ``namespace:`` and end like this."""
