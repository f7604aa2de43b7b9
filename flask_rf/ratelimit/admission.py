"""One request's passage through the limiter, from the first decision to the last refund."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from flask import Response

from ..response_headers import Header
from ..response_headers import kind_of
from .responses import Decision
from .responses import quota_headers
from .responses import retry_after_seconds
from .store import Store

logger = logging.getLogger("flask_rf")

_QUOTA = {
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
}


class Admission:
    """What was decided about a request.

    :param store: takes the refunds.
    :param quota: whether a response tells what is left; Retry-After is on every refusal.
    :ivar owes: decisions whose quota may have to be given back.
    :ivar denied: the decision that refused it.
    :ivar response: the answer, once there is one.
    """

    __slots__ = ("__weakref__", "_quota", "_store", "decisions", "denied", "owes", "response")

    def __init__(self, store: Store, quota: bool) -> None:
        self._store = store
        self._quota = quota
        self.owes: list[Decision] = []
        self.decisions: list[Decision] = []
        self.denied: Decision | None = None
        self.response: Response | None = None

    @property
    def leases(self) -> list[Decision]:
        """Those of its decisions that count for as long as it lasts."""
        return [decision for decision in self.owes if decision.limit.lease]

    def add(self, decisions: Sequence[Decision], denied: Decision | None) -> bool:
        """Remember decisions made together.

        :param denied: the one that refused the request; then no quota was taken.
        :return: whether this is the first quota that may have to be given back.
        """
        if self.decisions:  # what is counted again in the middle stands once
            latest = {one.claim.key: one for one in (*self.decisions, *decisions)}
            self.decisions = list(latest.values())
        else:
            self.decisions += decisions
        self.denied = self.denied or denied
        if denied is not None:
            return False
        owed = [d for d in decisions if d.claim.policy.returns and d.verdict.allowed]
        first = bool(owed) and not self.owes
        self.owes += owed
        return first

    def tell(self, status: str, headers: list[Header]) -> None:
        """Add what was decided to the headers of a response that starts.

        One that tells of quota already is left as it is: a response of the user's own was given
        these headers, and another app that a view has answer knows more of what it denied.
        """
        if self._quota and self.decisions and not _tell_of_quota(headers):
            headers += quota_headers(self.decisions)
        if self.denied is not None and status[0] in "45":
            wait = str(retry_after_seconds(self.denied))
            headers[:] = [pair for pair in headers if pair[0].lower() != "retry-after"]
            headers.append(("Retry-After", wait))

    def answered(self, response: Response) -> Response:
        """Note the response."""
        self.response = response
        return response

    def settle(self) -> None:
        """Give back, once, the quota of limits whose ``deduct_when`` says no, and end leases.

        Those of a response that streams last until the server has done with it.
        Where no response was made nobody can be asked, and the quota stays taken.
        """
        conditional = [decision for decision in self.owes if not decision.limit.lease]
        self.owes = self.leases
        if self.response is not None:
            self._refund([d for d in conditional if not _counts(d, self.response)])
        if self.response is None or not self.response.is_streamed:
            self.end_leases()

    def end_leases(self) -> None:
        """Give back, once, what counts for as long as the request lasts."""
        leases, self.owes = self.owes, []
        self._refund(leases)

    def _refund(self, decisions: Sequence[Decision]) -> None:
        if decisions:
            claims, verdicts = zip(*decisions, strict=True)
            self._store.refund(claims, verdicts)


def _tell_of_quota(headers: list[Header]) -> bool:
    return any(kind_of(name) in _QUOTA for name, _ in headers)


def _counts(decision: Decision, response: Response) -> Any:
    deduct_when = decision.claim.policy.limit.deduct_when
    try:
        return deduct_when is None or deduct_when(response)
    except Exception:
        logger.exception("deduct_when of %s failed; the request counts", decision.limit)
        return True
