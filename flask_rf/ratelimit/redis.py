"""Counts in Redis: one script decides all limits of a request, by the server's clock."""

from __future__ import annotations

import itertools
import os
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..redis.script import Script
from ..redis.sender import Commands
from .store import Claim
from .store import Verdict

_HERE = Path(__file__).parent

DECIDE = Script.from_file(_HERE / "decide.lua")
REFUND = Script.from_file(_HERE / "refund.lua")
RENEW = Script.from_file(_HERE / "renew.lua")

#: Leases remembered that may have been given out or ended unheard.
_LOST = 1000

#: A script's keys and arguments.
Call = tuple[list[str], list[Any]]


class RedisStore:
    """A :class:`~.store.Store` shared by every process.

    :param commands: the way to the server.
    """

    shared = True

    def __init__(self, commands: Commands) -> None:
        self._scan = commands.scan
        self._execute = commands.execute
        self._lost: deque[tuple[Claim, str]] = deque(maxlen=_LOST)
        self._serial = itertools.count()
        self._nonce = ""
        self._pid = 0

    def take(self, claims: Sequence[Claim]) -> list[Verdict]:
        self._end_lost()
        nonce = self._next_nonce()
        try:
            reply = DECIDE.run(self._execute, *self._decision(claims, nonce))
        except BaseException:  # gevent.Timeout, too
            self._lose(claims, nonce)
            raise
        return self._verdicts(claims, reply, nonce)

    def refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        try:
            self._refund(claims, verdicts)
        except BaseException:
            for claim, verdict in zip(claims, verdicts, strict=True):
                self._lose([claim], verdict.mark)
            raise

    def _refund(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        REFUND.run(self._execute, *self._taken(claims, verdicts))

    def renew(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        RENEW.run(self._execute, *self._taken(claims, verdicts))

    def clear(self, keys: Sequence[str]) -> bool:
        for key in keys:
            self._execute("DEL", key)
        return True

    def keys(self, namespace: str, ending: str = "") -> list[str]:
        pattern = f"{_literally(namespace)}:*{_literally(ending)}"
        return [key.decode("utf-8", "replace") for key in self._scan(pattern)]

    def _decision(self, claims: Sequence[Claim], nonce: str) -> Call:
        """What decide.lua is asked."""
        arguments: list[Any] = [nonce]
        for policy, _, cost, _ in claims:
            arguments += (*policy.terms, cost, 0 if policy.limit.shadow else 1)
        return [claim.key for claim in claims], arguments

    def _verdicts(self, claims: Sequence[Claim], reply: Any, nonce: str) -> list[Verdict]:
        """What its reply says."""
        return [
            Verdict(not wait, left, reset, wait, _mark(claim, mark, nonce), self)
            for claim, (wait, left, reset, mark) in zip(claims, reply, strict=True)
        ]

    def _taken(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> Call:
        """What refund.lua and renew.lua are asked."""
        arguments: list[Any] = []
        for (policy, _, cost, _), verdict in zip(claims, verdicts, strict=True):
            arguments += (*policy.terms, cost, verdict.mark)
        return [claim.key for claim in claims], arguments

    def _lose(self, claims: Sequence[Claim], nonce: str) -> None:
        """Note leases that the server may count though nobody heard of it, or of their end."""
        self._lost.extend((claim, nonce) for claim in claims if claim.policy.limit.lease)

    def _end_lost(self) -> None:
        """End those leases, or they would be in others' way for their whole period."""
        if not self._lost:
            return
        lost = list(self._lost)
        self._lost.clear()
        self.refund(
            [claim for claim, _ in lost],
            [Verdict(True, 0, 0, 0, nonce, self) for _, nonce in lost],
        )

    def _next_nonce(self) -> str:
        # Random per process, counted within it: forked workers must never share a member.
        if self._pid != os.getpid():
            self._pid, self._nonce = os.getpid(), os.urandom(6).hex()
        return f"{self._nonce}{next(self._serial):x}"


def _mark(claim: Claim, number: int, nonce: str) -> int | str:
    by_member = claim.policy.strategy in ("sliding-window", "concurrency")
    return nonce if by_member else number


def _literally(text: str) -> str:
    return re.sub(r"([*?\[\]\\])", r"\\\1", text)
