"""Which paths have CORS, and which policy each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic
from typing import TypeVar

T = TypeVar("T")


class Resources(Generic[T]):
    """Policies by path; a path covers itself and all below it, and the longest wins.

    :param policies: by path, like ``/api``; ``/`` covers everything.
    """

    def __init__(self, policies: Mapping[str, T]) -> None:
        longest_first = sorted(policies, key=len, reverse=True)
        self._table = [(path, path.rstrip("/") + "/", policies[path]) for path in longest_first]

    def of(self, path: str) -> T | None:
        """The policy for a path as WSGI has it: decoded once, case-sensitive."""
        for covered, below, policy in self._table:
            if path.startswith(below) or path == covered:
                return policy
        return None
