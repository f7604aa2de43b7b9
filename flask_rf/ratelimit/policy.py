"""A limit as it is counted at one place. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field

from .keys import bounded
from .limit import Limit

#: The strategies as keys and scripts name them.
LETTERS = {
    "sliding-window": "w",
    "sliding-counter": "c",
    "fixed-window": "f",
    "token-bucket": "t",
    "concurrency": "l",
}


@dataclass(frozen=True, eq=False)
class Policy:
    """A limit as it is counted at one place.

    :param count: units of quota.
    :param window: microseconds.
    :param prefix: begins the keys; ends with the opening brace of a hash tag, so that a
        Cluster keeps all counts of one client together.
    :param name: in headers and problem details.
    :param text: the limit as people write it.
    :param header: its item of ``RateLimit-Policy``.
    :param terms: what the scripts are told of it.
    :param returns: what a request took may be given back.
    """

    limit: Limit
    strategy: str
    on_error: str
    prefix: str
    name: str

    text: str = field(init=False)
    count: int = field(init=False)
    window: int = field(init=False)
    header: str = field(init=False)
    terms: tuple[str, int, int] = field(init=False)
    returns: bool = field(init=False)

    def __post_init__(self) -> None:
        rate = self.limit.rate
        window = rate.seconds * 1_000_000
        period = ';qu="concurrent-requests"' if self.limit.lease else f";w={rate.seconds}"
        values = {
            "text": str(self.limit),
            "count": rate.count,
            "window": window,
            "header": f'"{self.name}";q={rate.count}{period}',
            "returns": self.limit.lease or self.limit.deduct_when is not None,
            "terms": (LETTERS[self.strategy], rate.count, window),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def place(self) -> tuple[str, object]:
        """What it counts at: the same for the same clients."""
        return self.prefix, self.limit.key

    def storage_key(self, key: str) -> str:
        """The store's key for the client ``key``."""
        return f"{self.prefix}{bounded(key)}}}"


def distinct(policies: Iterable[Policy], earlier: Iterable[Policy] = ()) -> Iterator[Policy]:
    """``policies`` under names of their own; those that count by different keys may share one."""
    names = {policy.name: policy.place for policy in earlier}
    for policy in policies:
        name, place, number = policy.name, policy.place, 1
        while names.setdefault(name, place) != place:
            number += 1
            name = f"{policy.name}-{number}"
        yield policy if number == 1 else dataclasses.replace(policy, name=name)


def name_of(limit: Limit) -> str:
    """What a policy of ``limit`` is called in headers."""
    rate = str(limit).replace("/", "-per-").replace(" ", "-")
    own = limit.scope if isinstance(limit.scope, str) else ""
    name = f"{own}-{rate}" if own else rate
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
