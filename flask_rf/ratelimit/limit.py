"""What a limit is and how one is written: ``"5/minute"``, ``"100 per 2 hours; 5/second"``.

Grammar of the text, joined by ``;`` or ``,``::

    limit = count ("/" | "per") [n] unit ["s"]
    unit  = second | minute | hour | day | month | year
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "month": 30 * 86400,
    "year": 365 * 86400,
}

#: The longest period, in seconds: 100 years. Times far beyond are no exact integers to Lua.
LONGEST = 100 * UNITS["year"]

STRATEGIES = ("sliding-window", "sliding-counter", "fixed-window", "token-bucket")
_ALIASES = {
    "moving-window": "sliding-window",
    "sliding-window-counter": "sliding-counter",
    "gcra": "token-bucket",
}
ON_ERROR = ("local", "allow", "deny")

_RATE = re.compile(r"(\d+)\s*(?:/|per\b)\s*(\d*)\s*([a-z]+)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][\w.-]*")


@dataclass(frozen=True)
class Rate:
    """So many requests in so much time.

    :param count: requests, at least 1.
    :param seconds: the period's length, from 1 to :data:`LONGEST`.
    :raises ValueError: either is out of range or no whole number, or it is more than one request
        a microsecond.
    """

    count: int
    seconds: int

    def __post_init__(self) -> None:
        if not (isinstance(self.count, int) and isinstance(self.seconds, int)):
            raise ValueError("write whole numbers of requests and of seconds")
        if self.count < 1 or self.seconds < 1:
            raise ValueError("allow at least 1 request in at least 1 second")
        if self.count > self.seconds * 1_000_000:
            raise ValueError("allow at most one request per microsecond")
        if self.seconds > LONGEST:
            raise ValueError("count over at most 100 years")

    def __str__(self) -> str:
        unit = next(unit for unit in reversed(UNITS) if self.seconds % UNITS[unit] == 0)
        n = self.seconds // UNITS[unit]
        return f"{self.count}/{unit}" if n == 1 else f"{self.count}/{n} {unit}s"

    @property
    def words(self) -> str:
        """For people: ``5 requests per minute``."""
        requests = "request" if self.count == 1 else "requests"
        return f"{self.count} {requests} per {str(self).partition('/')[2]}"


@lru_cache(maxsize=1024)
def parse_rates(text: str) -> tuple[Rate, ...]:
    """Read a limit's text.

    :raises ValueError: it cannot be meant; the message says what to write instead.
    """
    parts = [part.strip() for part in re.split("[;,]", text)]
    return tuple(_parse_rate(part) for part in parts if part or len(parts) == 1)


def strategy(raw: Any) -> str:
    """The kind of setting that names a strategy; Flask-Limiter's names mean ours."""
    name = _ALIASES.get(raw, raw)
    if name in STRATEGIES:
        return str(name)
    close = difflib.get_close_matches(str(raw), STRATEGIES, n=1)
    hint = f"write {close[0]!r}; " if close else ""
    raise ValueError(f"{hint}the strategies are {', '.join(STRATEGIES)}")


@dataclass(frozen=True)
class Limit:
    """One limit and its terms; the methods return changed copies.

    :param rate: how many requests in how much time; its text, too, as Flask-Limiter has it.
    :param key: whose requests are counted: a value, or a function giving one; None is the
        client's address.
    :param cost: what one request takes from the quota, or a function giving it.
    :param scope: what is counted, beside the endpoint; or a function of the endpoint's name.
    :param shared: ``scope`` alone is what is counted, whatever the endpoint.
    :param per_method: each HTTP method is counted by itself.
    :param methods: the HTTP methods it applies to; all by default.
    :param exempt_when: a true result lets the request pass uncounted.
    :param deduct_when: given the response; a false result gives the quota back.
    :param on_breach: given the decision; what it returns, if anything, is the response.
    :param error_message: the text of the 429, or a function giving it.
    :param respond: given the request and the headers; returns the response of the 429.
    :param override_defaults: it replaces limits declared further out, instead of joining them.
    :param strategy: one of :data:`STRATEGIES`; None is the app's.
    :param on_error: what counts while Redis is away; None is the app's.
    :param shadow: count and report, but let every request through.
    :param lease: counted while requests last; the period bounds what never ends.
    :raises ValueError: the terms cannot be meant.
    """

    rate: Rate
    key: Any = None
    cost: int | Callable[[], int] = 1
    scope: str | Callable[[str], str] | None = None
    shared: bool = False
    per_method: bool = False
    methods: frozenset[str] | None = None
    exempt_when: Callable[[], Any] | None = None
    deduct_when: Callable[[Any], Any] | None = None
    on_breach: Callable[[Any], Any] | None = None
    error_message: str | Callable[[], str] | None = None
    respond: Callable[[Any, dict[str, str]], Any] | None = None
    override_defaults: bool = True
    strategy: str | None = None
    on_error: str | None = None
    shadow: bool = False
    lease: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.rate, Rate):
            object.__setattr__(self, "rate", _only_rate(self.rate))
        if self.strategy is not None:
            object.__setattr__(self, "strategy", strategy(self.strategy))
        if self.on_error is not None and self.on_error not in ON_ERROR:
            raise ValueError(f"on_error is one of {', '.join(ON_ERROR)}")
        if self.methods is not None:
            object.__setattr__(self, "methods", frozenset(m.upper() for m in self.methods))
        if not isinstance(self.cost, int) and not callable(self.cost):
            raise ValueError(f"cost is a whole number or a function, not {self.cost!r}")
        if isinstance(self.cost, int) and not 0 <= self.cost <= self.rate.count:
            raise ValueError(f"a cost of {self.cost} can never fit; write 0 to {self.rate.count}")

    def __str__(self) -> str:
        return f"{self.rate.count} at once" if self.lease else str(self.rate)

    @property
    def words(self) -> str:
        """For people: ``5 requests per minute``."""
        if not self.lease:
            return self.rate.words
        return f"{self.rate.count} {'request' if self.rate.count == 1 else 'requests'} at once"

    @classmethod
    def per_second(cls, count: int, seconds: int = 1) -> Limit:
        """``count`` requests every ``seconds``."""
        return cls(Rate(count, seconds))

    @classmethod
    def per_minute(cls, count: int, minutes: int = 1) -> Limit:
        """``count`` requests every ``minutes``."""
        return cls(Rate(count, minutes * UNITS["minute"]))

    @classmethod
    def per_hour(cls, count: int, hours: int = 1) -> Limit:
        """``count`` requests every ``hours``."""
        return cls(Rate(count, hours * UNITS["hour"]))

    @classmethod
    def per_day(cls, count: int, days: int = 1) -> Limit:
        """``count`` requests every ``days``."""
        return cls(Rate(count, days * UNITS["day"]))

    def by(self, key: Any) -> Limit:
        """Count by ``key``: a value, or a function giving one."""
        return dataclasses.replace(self, key=key)

    def after(self, counts: Callable[[Any], Any]) -> Limit:
        """Count only requests whose response ``counts`` returns true for."""
        return dataclasses.replace(self, deduct_when=counts)

    def response(self, respond: Callable[[Any, dict[str, str]], Any]) -> Limit:
        """Answer a breach with what ``respond(request, headers)`` returns."""
        return dataclasses.replace(self, respond=respond)


def _only_rate(text: Any) -> Rate:
    rates = parse_rates(text) if isinstance(text, str) else ()
    if len(rates) != 1:
        raise ValueError(f"a limit has one rate, not {text!r}; write Limit.per_minute(5)")
    return rates[0]


class _Later:
    """Limits that are known later than the terms which are added to each."""

    terms: tuple[tuple[str, Any], ...]

    @property
    def override_defaults(self) -> bool:
        return bool(dict(self.terms).get("override_defaults", True))


@dataclass(frozen=True)
class Dynamic(_Later):
    """Limits known only in the request: ``source`` gives them, ``terms`` are added to each."""

    source: Callable[[], Any]
    terms: tuple[tuple[str, Any], ...]

    @property
    def on_error(self) -> str | None:
        return dict(self.terms).get("on_error")

    @property
    def shadow(self) -> bool:
        return bool(dict(self.terms).get("shadow", False))

    def limits(self, given: Any) -> tuple[Limit, ...]:
        """The limits that ``given``, what the source returned, comes to.

        :raises ValueError: it is no limit.
        """
        return only_limits(as_limits(given, dict(self.terms)))


@dataclass(frozen=True)
class Named(_Later):
    """A reference to limits defined under a name, perhaps later than it is used."""

    name: str
    terms: tuple[tuple[str, Any], ...]


Declared = Limit | Dynamic | Named


def as_limits(value: Any, terms: dict[str, Any] | None = None) -> tuple[Declared, ...]:
    """What a user wrote as limits: text, a name, a :class:`Limit`, a function, or several.

    :param terms: fields of :class:`Limit` to set on each.
    :raises ValueError: it cannot be meant; the message is the remedy.
    """
    terms = terms or {}
    if value is None:
        return ()
    if isinstance(value, (Dynamic, Named)):
        added = tuple({**dict(value.terms), **terms}.items())
        return (dataclasses.replace(value, terms=added),)
    if isinstance(value, Limit):
        return (dataclasses.replace(value, **terms),)
    if isinstance(value, str) and _NAME.fullmatch(value):
        return (Named(value, tuple(terms.items())),)
    if isinstance(value, str):
        return tuple(Limit(rate, **terms) for rate in parse_rates(value))
    if callable(value):
        return (Dynamic(value, tuple(terms.items())),)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, dict)):
        return tuple(limit for item in value for limit in as_limits(item, terms))
    raise ValueError("write a limit like 5/minute or 100 per 2 hours")


def only_limits(declared: tuple[Declared, ...]) -> tuple[Limit, ...]:
    """:raises ValueError: one is known only in the request, or by name."""
    limits = tuple(limit for limit in declared if isinstance(limit, Limit))
    if len(limits) != len(declared):
        raise ValueError("write limits like 5/minute here, no name or function")
    return limits


def _parse_rate(text: str) -> Rate:
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("write a count and a period, like 5/minute or 100 per 2 hours")
    count, n, word = match.groups()
    return Rate(int(count), int(n or 1) * _unit(word.lower()))


def _unit(word: str) -> int:
    unit = word.removesuffix("s")
    if unit in UNITS:
        return UNITS[unit]
    close = difflib.get_close_matches(unit, UNITS, n=1)
    likely = close or [known for known in UNITS if unit and known.startswith(unit)] or list(UNITS)
    raise ValueError(f"{word!r} is no period; write {' or '.join(likely)}")
