"""One request's passage through the limiter, from the first decision to the last refund."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from flask import Response

from ..errors import RedisUnavailable
from .responses import Decision
from .store import Store

logger = logging.getLogger("flask_rf")


class Admission:
    """What was decided about a request.

    :param store: takes the refunds.
    :ivar denied: the decision that refused it.
    :ivar response: the answer, once there is one.
    """

    __slots__ = ("_conditional", "_store", "decisions", "denied", "response")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._conditional: list[Decision] = []
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
            if decision.claim.policy.limit.deduct_when and decision.verdict.allowed:
                self._conditional.append(decision)

    def settle(self) -> None:
        """Give back, once, the quota of limits whose ``deduct_when`` says no.

        Where no response was made nobody can be asked, and the quota stays taken.
        """
        conditional, self._conditional = self._conditional, []
        if not conditional or self.response is None:
            return
        unused = [decision for decision in conditional if not _counts(decision, self.response)]
        if unused:
            claims, verdicts = zip(*unused, strict=True)
            try:
                self._store.refund(claims, verdicts)
            except RedisUnavailable as error:
                logger.warning("Quota was not given back: %s", error)


def _counts(decision: Decision, response: Response) -> Any:
    deduct_when = decision.claim.policy.limit.deduct_when
    try:
        return deduct_when is None or deduct_when(response)
    except Exception:
        logger.exception("deduct_when of %s failed; the request counts", decision.limit.rate)
        return True
