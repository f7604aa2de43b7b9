"""Which limits meet which endpoint and method, worked out once for an app.

Limits are declared at levels, from the view outwards: view, blueprint, its parents,
the app's defaults. A level whose limits override what lies further out ends the walk.
App-wide limits join them always.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from types import MappingProxyType
from typing import Any

from ..errors import ConfigurationError
from .keys import short
from .limit import Declared
from .limit import Dynamic
from .limit import Limit
from .limit import Named
from .policy import distinct
from .policy import LETTERS
from .policy import name_of
from .policy import Policy

#: Stand for methods: a browser asking leave for a request (Fetch, CORS-preflight), and those that
#: nobody named of a route that takes any.
PREFLIGHT, OTHER = "(preflight)", "(other)"


@dataclass(eq=False)
class PolicyMaker:
    """Turns limits into policies by an app's settings.

    :param namespace: begins every key.
    :ivar denies: whether one was noted that refuses requests while Redis is away.
    """

    namespace: str
    strategy: str = "sliding-window"
    on_error: str = "local"
    denies: bool = field(default=False, init=False)

    def note(self, limit: Limit | Dynamic) -> None:
        """Remember whether a limit refuses requests while Redis is away; a shadow refuses none."""
        if (limit.on_error or self.on_error) == "deny" and not limit.shadow:
            self.denies = True

    def make(self, limit: Limit, scope: str) -> Policy:
        self.note(limit)
        strategy = "concurrency" if limit.lease else limit.strategy or self.strategy
        rate = limit.rate
        where = f"{LETTERS[strategy]}{rate.count}/{rate.seconds}:{short(scope)}"
        return Policy(
            limit=limit,
            strategy=strategy,
            on_error=limit.on_error or self.on_error,
            prefix=f"{self.namespace}:{where}:{{",
            name=name_of(limit),
        )


@dataclass(frozen=True)
class Place:
    """Where limits known only in the request apply: ``policies`` makes this request's."""

    dynamic: Dynamic
    endpoint: str
    method: str
    maker: PolicyMaker

    def policies(self, call: Callable[[Callable[..., Any]], Any]) -> list[Policy]:
        """
        :param call: calls a function of the user's.
        :raises ConfigurationError: what it returned is no limit.
        """
        given = call(self.dynamic.source)
        try:
            limits = self.dynamic.limits(given)
        except ValueError as error:
            raise ConfigurationError(f"the limit of {self.endpoint}", given, str(error)) from None
        return [
            self.maker.make(limit, scope_of(limit, self.endpoint, self.method))
            for limit in limits
            if applies(limit, self.method)
        ]


class Entry(tuple[Policy | Place, ...]):
    """What a request meets.

    :ivar functions: the ids of what stands behind its endpoint, whose limits these are.
    :ivar policies: it all under names of their own, unless some is known only in the request.
    """

    functions: frozenset[int] = frozenset()
    policies: tuple[Policy, ...] | None = None


NOTHING = Entry()


@dataclass(frozen=True)
class Endpoint:
    """What the plan knows of one endpoint.

    :param methods: HTTP methods routed to it.
    :param levels: the limits declared on the view, then its blueprint, then that one's parent…
    :param by_method: limits declared on the functions of a class-based view.
    :param automatic_options: Flask itself answers OPTIONS; the view's limits are not met.
    :param exempt: app-wide, default and blueprints' limits pass over it.
    :param functions: the ids of what stands behind it, by method.
    """

    name: str
    methods: frozenset[str]
    levels: tuple[tuple[Declared, ...], ...] = ()
    by_method: Mapping[str, tuple[Declared, ...]] = field(default_factory=dict)
    automatic_options: bool = False
    exempt: bool = False
    functions: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The finished answer.

    :param entries: by endpoint and method.
    :param unrouted: for 404 and 405.
    :param called: by the names of functions on no route, which meet them when they are called.
    """

    entries: Mapping[tuple[str, str], Entry]
    unrouted: Entry = NOTHING
    called: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Planner:
    """Compiles the plan.

    :param defaults: limits of endpoints that declare none.
    :param app_wide: limits of all requests together.
    :param unrouted: limits of requests that no route takes.
    :param named: functions that give limits, by name.
    """

    maker: PolicyMaker
    defaults: tuple[Declared, ...] = ()
    app_wide: tuple[Declared, ...] = ()
    unrouted: tuple[Declared, ...] = ()
    named: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def plan(
        self,
        endpoints: Iterable[Endpoint],
        functions: Mapping[str, tuple[Declared, ...]] = MappingProxyType({}),
    ) -> Plan:
        """
        :param functions: limits declared on functions on no route, by name.
        :raises ConfigurationError: a name nobody defined.
        """
        own = {"DEFAULT": self.defaults, "APPLICATION": self.app_wide, "UNROUTED": self.unrouted}
        for setting, limits in own.items():
            for declared in limits:  # to blame the setting, not the first endpoint that it meets
                self._resolve(declared, f"RATE_LIMIT_{setting}")
        entries = {
            (endpoint.name, method): self._entry(endpoint, method)
            for endpoint in endpoints
            for method in (*endpoint.methods, PREFLIGHT)
        }
        everywhere = (*self.app_wide, *self.unrouted)
        called = {name: self.compile(limits, name) for name, limits in functions.items()}
        return Plan(entries, self.compile(everywhere, "(unrouted)", "GET"), called)

    def _entry(self, endpoint: Endpoint, method: str) -> Entry:
        preflight = method == PREFLIGHT
        method = "OPTIONS" if preflight else method
        view, *further = endpoint.levels or ((),)
        levels = [(*view, *endpoint.by_method.get(method, ()))]
        if not endpoint.exempt:
            levels += further
            levels += [] if preflight else [self.defaults]
        if method == "OPTIONS" and endpoint.automatic_options:
            levels = []
        app_wide = () if endpoint.exempt or preflight else self.app_wide
        entry = self.compile((*app_wide, *nearest(levels)), endpoint.name, method)
        entry.functions = endpoint.functions.get(method, frozenset())
        return entry

    def compile(self, chosen: Sequence[Declared], endpoint: str, method: str = "") -> Entry:
        """What the limits ``chosen`` come to at one place, each once; for any method by default."""
        entry: dict[object, Policy | Place] = {}
        for declared in chosen:
            limit = self._resolve(declared, f"the limit of {endpoint}")
            if isinstance(limit, Dynamic):
                self.maker.note(limit)
                entry[limit] = Place(limit, endpoint, method, self.maker)
            elif applies(limit, method):
                policy = self.maker.make(limit, scope_of(limit, endpoint, method))
                entry[policy.prefix, limit.key, limit.cost] = policy
        compiled = Entry(entry.values())
        known = [item for item in compiled if isinstance(item, Policy)]
        if len(known) == len(compiled):
            compiled.policies = tuple(distinct(known))
        return compiled

    def _resolve(self, declared: Declared, place: str) -> Limit | Dynamic:
        if not isinstance(declared, Named):
            return declared
        if declared.name not in self.named:
            known = " or ".join(sorted(self.named)) or "a limit like 5/minute"
            remedy = f"no limiter is defined by this name; write {known}"
            raise ConfigurationError(place, declared.name, remedy)
        shared = {"scope": declared.name, "shared": True, **dict(declared.terms)}
        return Dynamic(self.named[declared.name], tuple(shared.items()))


def nearest(levels: Iterable[tuple[Declared, ...]]) -> tuple[Declared, ...]:
    """The limits that hold, from the innermost level outwards."""
    chosen: tuple[Declared, ...] = ()
    for level in levels:
        chosen += level
        if any(declared.override_defaults for declared in level):
            break
    return chosen


def applies(limit: Limit, method: str) -> bool:
    return not method or limit.methods is None or method in limit.methods


def scope_of(limit: Limit, endpoint: str, method: str) -> str:
    """What requests are counted together; a scope that is a function joins the key instead."""
    own = limit.scope if isinstance(limit.scope, str) else ""
    parts = [own] if limit.shared else [endpoint, own]
    if limit.per_method:
        parts.append(method)
    return "/".join(part for part in parts if part)
