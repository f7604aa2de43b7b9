"""The limiter of one app: its request functions, and the plan they follow."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock
from time import perf_counter
from typing import Any

from flask import abort
from flask import after_this_request
from flask import Flask
from flask import Request

from .. import hooks
from .admission import Admission
from .announce import announce
from .claims import claims_of
from .clients import call
from .clients import Clients
from .declarations import Declarations
from .declarations import is_function
from .decorators import describe
from .denials import Denials
from .leases import LeaseKeeper
from .limit import as_limits
from .limit import Declared
from .options import LimiterOptions
from .plan import Entry
from .plan import NOTHING
from .plan import OTHER
from .plan import Plan
from .plan import Planner
from .plan import PolicyMaker
from .plan import PREFLIGHT
from .responses import Decision
from .responses import quota_headers
from .responses import RateLimitExceeded
from .store import Claim
from .store import Store

logger = logging.getLogger("flask_rf")

#: Where a request's :class:`Admission` is. Not in its environ: a view may hand that on to another
#: app, whose counts are its own.
_ADMISSION = "_rf_admission"
#: And the ids of the functions whose limits were met before its view.
PLANNED = "_rf_planned"


class CompiledLimiter:
    """A limiter's request functions for ``app``.

    :param declarations: what the recipe recorded; read when the plan is made.
    :param store: where counts are kept.
    :param namespace: begins every key.
    """

    def __init__(
        self,
        app: Flask,
        options: LimiterOptions,
        declarations: Declarations,
        store: Store,
        namespace: str,
    ) -> None:
        self.app = app
        self.options = options
        self.store = store
        self.namespace = namespace
        self.maker = PolicyMaker(namespace, options.strategy, options.on_error)
        self.clients = Clients(app, options.ipv6_prefix, options.key)
        self.declarations = declarations
        self._planner = Planner(
            maker=self.maker,
            defaults=options.default,
            app_wide=_app_wide(options),
            unrouted=_shared(options.unrouted, "unrouted"),
            named=declarations.named,
        )
        self._denials = Denials()
        self._keeper = LeaseKeeper(store)
        self._plan: Plan | None = None
        self._settles = False
        self._lock = Lock()

    def before(self) -> Any:
        request = hooks.current_request()
        entry = self._entry(request)
        if not entry or (self.declarations.filters and self._passes(request)):
            return None
        vars(request)[PLANNED] = entry.functions
        return self.admit(request, entry)

    def teardown(self, error: BaseException | None) -> None:
        admission = self.admission
        if admission is not None and admission.owes:
            admission.settle()

    @property
    def admission(self) -> Admission | None:
        """What was decided about the current request so far."""
        return _admission(hooks.current_request())

    def admit(self, request: Request, entry: Entry) -> Any:
        """Meet all of ``entry`` together; returns None, or the response of a breach.

        :raises RateLimitExceeded: a limit denies and names no response of its own.
        """
        admission = _admission(request)
        if admission is None:
            admission = vars(request)[_ADMISSION] = Admission(self.store, self.options.headers)
            hooks.as_it_starts(request, admission.tell)
        claims = claims_of(request, entry, self.clients, admission.decisions)
        if not claims:
            return None
        decisions, denying = self.decide(claims)
        refusal = RateLimitExceeded(denying) if denying else None
        if admission.add(decisions, refusal.decision if refusal else None):
            after_this_request(admission.answered)
            self._settle_at_teardown()
        if admission.owes and admission.leases:
            hooks.as_it_ends(request, admission.end_leases)
            self._keeper.keep(admission)
        return self._refuse(request, refusal) if refusal else None

    def decide(self, claims: Sequence[Claim]) -> tuple[list[Decision], list[Decision]]:
        """Meet the claims together and tell whoever listens.

        :return: all decisions, and those that deny. Where claims are known to be denied still,
            the others are not asked about.
        """
        if not self.options.enabled:
            return [], []
        started = perf_counter()
        decisions = self._denials.find(claims)
        if not decisions:
            decisions = list(map(Decision, claims, self.store.take(claims)))
        denying = [decision for decision in decisions if decision.breached and decision.denies]
        if denying:
            self._denials.remember(denying)
        announce(self.app, decisions, admitted=not denying, started=started)
        return decisions, denying

    def needs_redis(self) -> bool:
        """Whether requests are refused while Redis is away.

        Limits known only in a request, and those of sockets, count from the first one on.
        """
        if self._plan is None:
            self.compile_plan()
        return self.options.enabled and self.maker.denies

    def _settle_at_teardown(self) -> None:
        """Not before something is owed: in apps that lend nothing it would cost 3 µs a request."""
        with self._lock:
            if not self._settles:
                self._settles = True
                hooks.at_teardown(self.app, self.teardown)

    def clear(self, keys: Sequence[str]) -> bool:
        """Forget counts; returns whether every process forgets them."""
        self._denials.clear(keys)
        return self.store.clear(keys)

    def enforce(self, declared: tuple[Declared, ...], name: str = "") -> None:
        """Meet limits in the middle of a request.

        :param name: of what is counted by itself at each endpoint.
        :raises HTTPException: one denies.
        """
        request = hooks.current_request()
        if self._passes(request):
            return
        place = "/".join(part for part in (request.endpoint, name) if part)
        response = self.admit(request, self._planner.compile(declared, place, request.method))
        if response is not None:
            abort(self.app.make_response(response))

    def called(self, function: Any) -> None:
        """Meet the limits of a function that is called.

        :raises HTTPException: one denies.
        """
        self.enforce(self.declarations.of(function), describe(function))

    def start_worker(self, workers: int) -> None:
        """Refuse mistakes, and say what several workers make of limits in memory.

        :raises ConfigurationError: a limit cannot be meant.
        """
        self.compile_plan()
        if workers > 1 and not self.store.shared:
            logger.warning(
                "Each of %d workers counts rate limits by itself; REDIS_URL makes them one", workers
            )

    def compile_plan(self) -> Plan:
        """Work out which limits meet which endpoint; the first request does it otherwise.

        :raises ConfigurationError: a limit cannot be meant.
        """
        with self._lock:
            endpoints = self.declarations.endpoints(self.app, hooks.exempt_endpoints(self.app))
            self._plan = self._planner.plan(endpoints, self._elsewhere())
            return self._plan

    def _elsewhere(self) -> dict[str, tuple[Declared, ...]]:
        """The limits of functions on no route; a blueprint's or a class's would be lost."""
        found = {}
        for target in self.declarations.unreached():
            if is_function(target):
                found[describe(target)] = self.declarations.of(target)
                logger.info("The limit on %s is on no route: calls meet it", describe(target))
            else:
                logger.warning("The limit on %s is on no route", describe(target))
        return found

    def _passes(self, request: Request) -> bool:
        return any(call(skips, request) for skips in self.declarations.filters)

    def _entry(self, request: Request) -> Entry:
        plan = self._plan or self.compile_plan()
        endpoint, method = request.endpoint, request.method
        if method == "OPTIONS" and _is_preflight(request):
            method = PREFLIGHT
        if endpoint is None:
            return NOTHING if method == PREFLIGHT else plan.unrouted
        entry = _planned(plan, endpoint, method)
        if entry is None:  # a route added since
            entry = _planned(self.compile_plan(), endpoint, method)
        return entry or NOTHING

    def _refuse(self, request: Request, refusal: RateLimitExceeded) -> Any:
        decision = refusal.decision
        on_breach = decision.limit.on_breach or self.options.on_breach
        response = on_breach(decision) if on_breach else None
        if response is None and decision.limit.respond is not None:
            response = decision.limit.respond(request, dict(quota_headers(refusal.decisions)))
        if response is None:
            raise refusal
        return response


def _admission(request: Request) -> Admission | None:
    return vars(request).get(_ADMISSION)


def _planned(plan: Plan, endpoint: str, method: str) -> Entry | None:
    entry = plan.entries.get((endpoint, method))
    return plan.entries.get((endpoint, OTHER)) if entry is None else entry


def _is_preflight(request: Request) -> bool:
    asks = ("HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    return all(header in request.environ for header in asks)


def _app_wide(options: LimiterOptions) -> tuple[Declared, ...]:
    per_minute = f"{options.per_minute}/minute" if options.per_minute else None
    return _shared((*options.application, *as_limits(per_minute)), "app")


def _shared(limits: Sequence[Declared], scope: str) -> tuple[Declared, ...]:
    return as_limits(limits, {"scope": scope, "shared": True})
