"""One request's passage through the limiter, from the first decision to the last refund."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from flask import Response

from .responses import Decision
from .store import Store

logger = logging.getLogger("flask_rf")


class Admission:
    """What was decided about a request.

    :param store: takes the refunds.
    :ivar denied: the decision that refused it.
    :ivar response: the answer, once there is one.
    """

    __slots__ = ("_conditional", "_leases", "_store", "decisions", "denied", "response")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._conditional: list[Decision] = []
        self._leases: list[Decision] = []
        self.decisions: list[Decision] = []
        self.denied: Decision | None = None
        self.response: Response | None = None

    def add(self, decisions: Sequence[Decision], denied: Decision | None) -> None:
        """Remember decisions made together.

        :param denied: the one that refused the request; then no quota was taken.
        """
        self.decisions += decisions
        if denied is not None:
            self.denied = denied
            return
        for decision in decisions:
            if decision.limit.lease and decision.verdict.allowed:
                self._leases.append(decision)
            elif decision.limit.deduct_when and decision.verdict.allowed:
                self._conditional.append(decision)

    def answered(self, response: Response) -> None:
        """Note the response. Leases of one that streams last until it is closed."""
        if self._leases and response is not self.response and response.is_streamed:
            response.call_on_close(self._release)
        self.response = response

    def settle(self) -> None:
        """Give back, once, the quota of limits whose ``deduct_when`` says no, and end leases.

        Where no response was made nobody can be asked, and the quota stays taken.
        """
        conditional, self._conditional = self._conditional, []
        if self.response is not None:
            self._refund([d for d in conditional if not _counts(d, self.response)])
        if self.response is None or not self.response.is_streamed:
            self._release()

    def _release(self) -> None:
        leases, self._leases = self._leases, []
        self._refund(leases)

    def _refund(self, decisions: Sequence[Decision]) -> None:
        if decisions:
            claims, verdicts = zip(*decisions, strict=True)
            self._store.refund(claims, verdicts)


def _counts(decision: Decision, response: Response) -> Any:
    deduct_when = decision.claim.policy.limit.deduct_when
    try:
        return deduct_when is None or deduct_when(response)
    except Exception:
        logger.exception("deduct_when of %s failed; the request counts", decision.limit)
        return True
