"""Rate limiting: ``@limiter.limit("60/minute")`` on views, blueprints, or everything.

Decorators only record. Which limits meet which endpoint is worked out once, for each
app, when its routes are complete; a request then costs one decision for all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

from flask import current_app
from flask import Flask

from .. import hooks
from ..errors import ConfigurationError
from ..lifecycle import on_worker_start
from ..recipe import Recipe
from ..redis import add_use
from ..redis import namespace
from ..redis import Use
from ..settings import resolve
from .by_hand import ByHand
from .clients import get_remote_address
from .compiled import CompiledLimiter
from .compiled import PLANNED
from .declarations import Declarations
from .decorators import LimitMark
from .familiar import by_our_names
from .familiar import with_terms
from .limit import Limit
from .options import LimiterOptions
from .responses import Decision
from .responses import nearest_of
from .responses import RateLimitExceeded
from .sockets import SocketLimit
from .standalone import MemoryRateLimiter
from .standalone import RateLimitResult
from .standalone import RedisRateLimiter
from .stores import make_store

__all__ = [
    "Decision",
    "Limit",
    "Limiter",
    "MemoryRateLimiter",
    "RateLimitExceeded",
    "RateLimitResult",
    "RedisRateLimiter",
    "get_remote_address",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Limiter(Recipe[CompiledLimiter], ByHand):
    """Limits how often clients may ask.

    :param app_or_key: the app to set up at once, or the function that gives whose request it is.
    :param options: the fields of :class:`~.options.LimiterOptions`, by Flask-Limiter's names too,
        and its terms of the default and application limits (``default_limits_cost``).
    :raises TypeError: an unknown option, or one of Flask-Limiter's that does not exist here.
    :raises ConfigurationError: a setting cannot be meant.
    """

    name = "limiter"
    options = LimiterOptions

    def __init__(
        self,
        app_or_key: Flask | Callable[..., Any] | None = None,
        *,
        app: Flask | None = None,
        **options: Any,
    ) -> None:
        given, self._terms = by_our_names(options)
        if isinstance(app_or_key, Flask):
            app = app_or_key
        elif app_or_key is not None:
            given["key"] = app_or_key
        self._declarations = Declarations()
        super().__init__(app, **given)

    def compile(self, app: Flask) -> CompiledLimiter:
        options = self._with_terms(resolve(app, LimiterOptions, self.given))
        space = f"{namespace(app)}:rl"
        store = make_store(app, options)
        compiled = CompiledLimiter(app, options, self._declarations, store, space)
        if options.redis_url and store.shared:
            add_use(app, Use("ratelimit", options.redis_url, compiled.needs_redis))
        self._declarations.apps.add(app)
        on_worker_start(app, compiled.start_worker)
        if options.enabled:
            hooks.place(app, "limiter", before=compiled.before)
            hooks.write_headers(app)
        return compiled

    def limit(
        self,
        limit_value: Any,
        *,
        key_func: Any = None,
        per_method: bool | None = None,
        methods: Sequence[str] | None = None,
        error_message: str | Callable[[], str] | None = None,
        exempt_when: Callable[..., Any] | None = None,
        override_defaults: bool | None = None,
        deduct_when: Callable[[Any], Any] | None = None,
        on_breach: Callable[[Decision], Any] | None = None,
        cost: int | Callable[[], int] | None = None,
        scope: str | Callable[[str], str] | None = None,
        strategy: str | None = None,
        on_error: str | None = None,
        shadow: bool | None = None,
    ) -> LimitMark:
        """Limit a view, a class-based view, a blueprint, or the block it is the ``with`` of.

        Any other function is limited whenever it is called within a request.

        :param limit_value: ``"5/minute; 100/hour"``, a :class:`Limit`, the name of a defined
            limiter, a function giving any of these in the request, or a list.
        :param key_func: gives whose request it is; the client's address by default.
        :param methods: HTTP methods it applies to.
        :param cost: units one request takes.

        The other parameters are fields of :class:`Limit`.
        :raises ConfigurationError: on decoration, if it cannot be meant.
        """
        if isinstance(methods, str):  # its letters would be the methods, and none be limited
            raise ConfigurationError("methods", methods, f"write a list, like [{methods!r}]")
        terms = {
            "key": key_func,
            "per_method": per_method,
            "methods": frozenset(methods) if methods is not None else None,
            "error_message": error_message,
            "exempt_when": exempt_when,
            "override_defaults": override_defaults,
            "deduct_when": deduct_when,
            "on_breach": on_breach,
            "cost": cost,
            "scope": scope,
            "strategy": strategy,
            "on_error": on_error,
            "shadow": shadow,
        }
        return LimitMark(limit_value, terms, self._declarations, self._enforce, self._called)

    def shared_limit(
        self, limit_value: Any, scope: str | Callable[[str], str], **terms: Any
    ) -> LimitMark:
        """A limit that all it decorates share.

        :param scope: names what is counted; or a function of the endpoint's name.
        :param terms: as for :meth:`limit`.
        """
        return self.limit(limit_value, scope=scope, **terms).shared()

    def concurrency(
        self, count: int, *, key_func: Any = None, ttl: int = 60, **terms: Any
    ) -> LimitMark:
        """Limit how many requests of a client run at once.

        :param ttl: seconds after which a request counts no more whose worker has died; others
            count for as long as they last.
        :param terms: as for :meth:`limit`.
        """
        return self.limit(f"{count}/{ttl} seconds", key_func=key_func, **terms).leased()

    def socket(self, limit_value: Any, *, key_func: Any = None, **terms: Any) -> SocketLimit:
        """Limit the messages of a client's WebSockets; decorates a flask-sock view.

        :param limit_value: ``"5/second"``, or several.
        :param terms: ``cost``, ``scope``, ``strategy``, ``on_error`` and ``shadow``, as for
            :meth:`limit`; the others are of requests.
        :raises ConfigurationError: it cannot be meant.
        :raises TypeError: a term is of requests.
        """
        strange = terms.keys() - {"cost", "scope", "strategy", "on_error", "shadow"}
        if strange:
            raise TypeError(f"a socket's limit takes no {', '.join(sorted(strange))}")
        mark = self.limit(limit_value, key_func=key_func, **terms)
        return SocketLimit(mark.static_limits("a socket's limit"), lambda: self.compiled)

    def define(self, name: str) -> Callable[[F], F]:
        """Give a name to the limits a function returns; ``@limiter.limit(name)`` applies them.

        The function may take the request. It returns a limit, several, or None for none. All
        routes with one name count together.
        """

        def record(function: F) -> F:
            self._declarations.named[name] = function
            return function

        return record

    def request_filter(self, function: F) -> F:
        """Let requests pass uncounted for which ``function`` returns true."""
        self._declarations.filters.append(function)
        return function

    @property
    def current_limits(self) -> list[Decision]:
        """What was decided about the current request, limit by limit."""
        admission = self.compiled.admission
        return list(admission.decisions) if admission else []

    @property
    def current_limit(self) -> Decision | None:
        """The decision that matters most: the one that denied, or the one with the least left."""
        decisions = self.current_limits
        return nearest_of(decisions) if decisions else None

    def reset(self) -> None:
        """Forget every count of the app."""
        compiled = self.compiled
        compiled.clear(compiled.store.keys(compiled.namespace))

    def exempt(self, target: T) -> T:
        """Let a view or blueprint pass over app-wide and default limits."""
        self._declarations.exempt(target)
        return target

    def check(self, app: Flask | None = None) -> None:
        """Work the limits of ``app`` out now, so that a mistake stops the start.

        :param app: the current app, or the only one set up, by default.
        :raises ConfigurationError: a limit cannot be meant.
        :raises SetupError: the limiter is not set up on the app.
        """
        with (app or self.app).app_context():
            self.compiled.compile_plan()

    def _with_terms(self, options: LimiterOptions) -> LimiterOptions:
        added: dict[str, Any] = {}
        for group, terms in self._terms.items():
            try:
                added[group] = with_terms(getattr(options, group), terms)
            except ValueError as error:  # the cost, of all terms
                option, cost = f"{group}_limits_cost", terms["cost"]
                raise ConfigurationError(option, cost, str(error), "argument") from None
        return dataclasses.replace(options, **added)

    def _enforce(self, declared: Any) -> None:
        self.compiled.enforce(declared)

    def _called(self, function: Any) -> None:
        """Meet the limits of a function that is called: in requests of apps that this set up."""
        try:
            request = hooks.current_request()
        except RuntimeError:  # there is none
            return
        if id(function) not in vars(request).get(PLANNED, ()):
            compiled = current_app.extensions.get("rf_limiter")
            if compiled is not None and compiled.declarations is self._declarations:
                compiled.called(function)
