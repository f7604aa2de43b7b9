"""The state a strategy keeps for one key in memory. decide.lua keeps the same in Redis.

Times are integers in microseconds. Each state answers: ``wait``, until a claim fits;
``add``, to count it; ``left``, the units left, the time until quota comes back and the mark
by which ``refund`` knows what to take from; ``expires``, when it says nothing any more.
"""

from __future__ import annotations

from collections import deque
from itertools import repeat
from typing import Protocol

from .policy import Policy


class State(Protocol):
    def wait(self, now: int, policy: Policy, cost: int) -> int: ...

    def add(self, now: int, policy: Policy, cost: int) -> None: ...

    def left(self, now: int, policy: Policy) -> tuple[int, int, int]: ...

    def refund(self, now: int, policy: Policy, cost: int, mark: int) -> None: ...

    def expires(self, policy: Policy) -> int: ...


class SlidingWindow:
    """Exact: the time of every unit in the window."""

    __slots__ = ("hits",)

    def __init__(self) -> None:
        self.hits: deque[int] = deque()

    def wait(self, now: int, policy: Policy, cost: int) -> int:
        hits, window = self.hits, policy.window
        while hits and hits[0] <= now - window:
            hits.popleft()
        excess = len(hits) + cost - policy.count
        if excess <= 0 or not cost:
            return 0
        return hits[excess - 1] + window - now if excess <= len(hits) else window

    def add(self, now: int, policy: Policy, cost: int) -> None:
        self.hits.extend(repeat(now, cost))

    def left(self, now: int, policy: Policy) -> tuple[int, int, int]:
        hits = self.hits
        reset = hits[0] + policy.window - now if hits else 0
        return max(policy.count - len(hits), 0), reset, now

    def refund(self, now: int, policy: Policy, cost: int, mark: int) -> None:
        for _ in range(cost):
            if mark in self.hits:
                self.hits.remove(mark)

    def expires(self, policy: Policy) -> int:
        return self.hits[-1] + policy.window if self.hits else 0


class SlidingCounter:
    """Two counts: the window before weighs as much as still overlaps.

    The mark is the window's number.
    """

    __slots__ = ("current", "index", "previous")

    def __init__(self) -> None:
        self.index = self.current = self.previous = 0

    def wait(self, now: int, policy: Policy, cost: int) -> int:
        self._roll(now, policy)
        window, elapsed, room = policy.window, now % policy.window, policy.count - cost
        if not cost or self._used(now, policy) <= room:
            return 0
        if room < 0:
            return window
        if self.current <= room:
            return _falls_to(room - self.current, self.previous, window) - elapsed
        return window - elapsed + _falls_to(room, self.current, window)

    def add(self, now: int, policy: Policy, cost: int) -> None:
        self.current += cost

    def left(self, now: int, policy: Policy) -> tuple[int, int, int]:
        remaining = int(policy.count - self._used(now, policy))
        reset = policy.window - now % policy.window if self.current or self.previous else 0
        return max(remaining, 0), reset, self.index

    def refund(self, now: int, policy: Policy, cost: int, mark: int) -> None:
        self._roll(now, policy)
        if mark == self.index:
            self.current = max(self.current - cost, 0)
        elif mark == self.index - 1:
            self.previous = max(self.previous - cost, 0)

    def expires(self, policy: Policy) -> int:
        return (self.index + 2) * policy.window

    def _roll(self, now: int, policy: Policy) -> None:
        index = now // policy.window
        if index != self.index:
            self.previous = self.current if index == self.index + 1 else 0
            self.current, self.index = 0, index

    def _used(self, now: int, policy: Policy) -> float:
        overlap = policy.window - now % policy.window
        return self.current + self.previous * overlap / policy.window


class FixedWindow:
    """One count, from the first request on for a window. The mark is the window's end."""

    __slots__ = ("end", "used")

    def __init__(self) -> None:
        self.end = self.used = 0

    def wait(self, now: int, policy: Policy, cost: int) -> int:
        if self.end <= now or not self.used:
            self.end, self.used = now + policy.window, 0
        fits = not cost or self.used + cost <= policy.count
        return 0 if fits else self.end - now

    def add(self, now: int, policy: Policy, cost: int) -> None:
        self.used += cost

    def left(self, now: int, policy: Policy) -> tuple[int, int, int]:
        reset = self.end - now if self.used else 0
        return max(policy.count - self.used, 0), reset, self.end

    def refund(self, now: int, policy: Policy, cost: int, mark: int) -> None:
        if mark == self.end:
            self.used = max(self.used - cost, 0)

    def expires(self, policy: Policy) -> int:
        return self.end


class TokenBucket:
    """GCRA (ITU-T I.371): the theoretical arrival time of the next unit, and nothing else."""

    __slots__ = ("arrival",)

    def __init__(self) -> None:
        self.arrival = 0

    def wait(self, now: int, policy: Policy, cost: int) -> int:
        self.arrival = max(self.arrival, now)
        if not cost:
            return 0
        if cost > policy.count:
            return policy.window
        return max(self.arrival + _spacing(policy, cost) - now - policy.window, 0)

    def add(self, now: int, policy: Policy, cost: int) -> None:
        self.arrival += _spacing(policy, cost)

    def left(self, now: int, policy: Policy) -> tuple[int, int, int]:
        debt = self.arrival - now
        return max((policy.window - debt) * policy.count // policy.window, 0), debt, 0

    def refund(self, now: int, policy: Policy, cost: int, mark: int) -> None:
        self.arrival -= _spacing(policy, cost)

    def expires(self, policy: Policy) -> int:
        return self.arrival


class Leases:
    """What is under way: when each was taken or renewed last, and its units.

    The mark is the lease's number.
    """

    __slots__ = ("serial", "taken", "used")

    def __init__(self) -> None:
        self.taken: dict[int, tuple[int, int]] = {}
        self.serial = self.used = 0

    def wait(self, now: int, policy: Policy, cost: int) -> int:
        while self.taken:
            mark, (time, _) = next(iter(self.taken.items()))
            if time > now - policy.window:
                break
            self._end(mark)
        excess = self.used + cost - policy.count
        if excess <= 0 or not cost:
            return 0
        for time, units in self.taken.values():
            excess -= units
            if excess <= 0:
                return time + policy.window - now
        return policy.window

    def add(self, now: int, policy: Policy, cost: int) -> None:
        self.serial += 1
        self.taken[self.serial] = (now, cost)
        self.used += cost

    def left(self, now: int, policy: Policy) -> tuple[int, int, int]:
        reset = next(iter(self.taken.values()))[0] + policy.window - now if self.taken else 0
        return max(policy.count - self.used, 0), reset, self.serial

    def refund(self, now: int, policy: Policy, cost: int, mark: int) -> None:
        self._end(mark)

    def renew(self, now: int, mark: int) -> None:
        units = self._end(mark)
        if units:
            self.taken[mark] = (now, units)  # last again: by time, as they run out
            self.used += units

    def expires(self, policy: Policy) -> int:
        return next(reversed(self.taken.values()))[0] + policy.window if self.taken else 0

    def _end(self, mark: int) -> int:
        _, units = self.taken.pop(mark, (0, 0))
        self.used -= units
        return units


def _spacing(policy: Policy, cost: int) -> int:
    return cost * policy.window // policy.count


def _falls_to(room: int, count: int, window: int) -> int:
    """When in a window the weight of ``count`` from the one before is down to ``room``."""
    return -(-window * (count - room) // count)


STATES: dict[str, type[State]] = {
    "sliding-window": SlidingWindow,
    "sliding-counter": SlidingCounter,
    "fixed-window": FixedWindow,
    "token-bucket": TokenBucket,
    "concurrency": Leases,
}
