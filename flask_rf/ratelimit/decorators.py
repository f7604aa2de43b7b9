"""``@limiter.limit(…)``: records limits on what it decorates, or meets them as a block.

A function that is no view, as a helper or a ``before_request`` function, meets them when called.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any
from typing import cast
from typing import TypeVar

from ..errors import ConfigurationError
from .declarations import Declarations
from .declarations import is_function
from .limit import as_limits
from .limit import Declared
from .limit import Limit
from .limit import only_limits

T = TypeVar("T")


class LimitMark:
    """A limit about to be declared: decorate a view, class or blueprint with it, or enter it.

    :param value: the limits as the user wrote them.
    :param terms: fields of :class:`~.limit.Limit`.
    :param enforce: meets limits at once, in a request.
    :param called: told of each call of a decorated function.
    """

    def __init__(
        self,
        value: Any,
        terms: dict[str, Any],
        declarations: Declarations,
        enforce: Callable[[tuple[Declared, ...]], None],
        called: Callable[[Any], None],
    ) -> None:
        self._value = value
        self._terms = {name: term for name, term in terms.items() if term is not None}
        self._declarations = declarations
        self._enforce = enforce
        self._called = called

    def __call__(self, target: T) -> T:
        """Declare the limits on ``target``.

        :return: a function that meets them when it is called but as the view of a request, or
            what is no function, unchanged.
        :raises ConfigurationError: the limits cannot be meant.
        """
        limits = self.limits(f"the limit of {describe(target)}")
        function = self._declarations.limit(target, limits)
        if function is not target or not is_function(target):
            return target
        wrapper = _telling(self._called, cast(Callable[..., Any], target))
        self._declarations.stands_for(wrapper, target)
        return cast(T, wrapper)

    def __enter__(self) -> None:
        """Meet the limits now.

        :raises RateLimitExceeded: one denies.
        """
        self._enforce(self.limits("a limit"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def shared(self) -> LimitMark:
        """The same, counted together by all it decorates."""
        self._terms["shared"] = True
        return self

    def leased(self) -> LimitMark:
        """The same, of requests that run at once."""
        self._terms["lease"] = True
        return self

    def static_limits(self, where: str) -> tuple[Limit, ...]:
        """As :meth:`limits`, but names and functions are refused."""
        try:
            return only_limits(self.limits(where))
        except ValueError as error:
            raise ConfigurationError(where, self._value, str(error)) from None

    def limits(self, where: str) -> tuple[Declared, ...]:
        """
        :param where: names the place, should they be refused.
        :raises ConfigurationError: the limits cannot be meant.
        """
        try:
            limits = as_limits(self._value, self._terms)
        except ValueError as error:
            raise ConfigurationError(where, self._value, str(error)) from None
        if not limits:
            raise ConfigurationError(where, self._value, "write a limit like 5/minute")
        return limits


def _telling(called: Callable[[Any], None], function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, each call of which is told of before it is made."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            called(function)
            return await function(*args, **kwargs)

        return asynchronous

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        called(function)
        return function(*args, **kwargs)

    return synchronous


def describe(target: Any) -> str:
    """A decorated object, for messages: ``shop.views.login``."""
    name = getattr(target, "__qualname__", None) or getattr(target, "name", None) or repr(target)
    module = getattr(target, "__module__", None)
    return f"{module}.{name}" if module and isinstance(name, str) else str(name)
