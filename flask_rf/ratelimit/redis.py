"""Counts in Redis: one script decides all limits of a request, by the server's clock."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..redis.script import Script
from .plan import Policy
from .store import Claim
from .store import Verdict

_HERE = Path(__file__).parent
_LETTERS = {"sliding-window": "w", "sliding-counter": "c", "fixed-window": "f", "token-bucket": "t"}

DECIDE = Script.from_file(_HERE / "decide.lua")
REFUND = Script.from_file(_HERE / "refund.lua")


class RedisStore:
    """A :class:`~.store.Store` shared by every process.

    :param execute: sends one command and returns its reply: a client's ``execute_command``.
    """

    def __init__(self, execute: Callable[..., Any]) -> None:
        self._execute = execute
        self._serial = itertools.count()
        self._nonce = ""
        self._pid = 0

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        nonce = self._next_nonce()
        arguments: list[Any] = [nonce]
        for policy, _, cost, _ in claims:
            arguments += (*terms(policy), cost, 0 if policy.limit.shadow else 1)
        reply = DECIDE.run(self._execute, [claim.key for claim in claims], arguments)
        return [
            self._verdict(reply[5 * i : 5 * i + 5], claim, nonce) for i, claim in enumerate(claims)
        ]

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        arguments: list[Any] = []
        for (policy, _, cost, _), verdict in zip(claims, verdicts, strict=True):
            arguments += (*terms(policy), cost, verdict.mark)
        REFUND.run(self._execute, [claim.key for claim in claims], arguments)

    def clear(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._execute("DEL", key)

    def _verdict(self, reply: list[int], claim: Claim, nonce: str) -> Verdict:
        allowed, remaining, reset, retry, mark = reply
        if claim.policy.strategy == "sliding-window":
            return Verdict(bool(allowed), remaining, reset, retry, nonce, self)
        return Verdict(bool(allowed), remaining, reset, retry, mark, self)

    def _next_nonce(self) -> str:
        # Random per process, counted within it: forked workers must never share a member.
        if self._pid != os.getpid():
            self._pid, self._nonce = os.getpid(), os.urandom(6).hex()
        return f"{self._nonce}{next(self._serial):x}"


def terms(policy: Policy) -> tuple[str, int, int]:
    """The policy as the scripts are told it."""
    return _LETTERS[policy.strategy], policy.count, policy.window
