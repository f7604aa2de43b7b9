"""What the doctor says of one thing."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from typing import TypeVar

Severity = Literal["fine", "advice", "hurts"]

F = TypeVar("F")
#: Judges one thing; None where the thing is not there to be judged.
Judge = Callable[[F], "Finding | None"]


@dataclass(frozen=True)
class Finding:
    """One judgement.

    :param subject: what was looked at, in a word or two.
    :param says: what was found, as a sentence.
    :param mend: what to do about it; empty where all is fine.
    """

    subject: str
    severity: Severity
    says: str
    mend: str = ""


def fine(subject: str, says: str) -> Finding:
    return Finding(subject, "fine", says)


def advice(subject: str, says: str, mend: str) -> Finding:
    """Worth knowing; it hurts some, and others know what they do."""
    return Finding(subject, "advice", says, mend)


def hurts(subject: str, says: str, mend: str) -> Finding:
    """It would hurt anybody in production."""
    return Finding(subject, "hurts", says, mend)


def judged(facts: F, judges: Iterable[Judge[F]]) -> Iterator[Finding]:
    """What the judges find, in their order."""
    for judge in judges:
        finding = judge(facts)
        if finding is not None:
            yield finding
