"""What was declared on which object, until an app's routes are known."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary
from weakref import WeakSet

from flask import Flask

from ..views import blueprints
from ..views import chain
from ..views import handled
from ..views import handler
from .limit import Declared
from .plan import Endpoint
from .plan import OTHER


class Declarations:
    """Limits and exemptions by function, view class or blueprint, held weakly.

    :ivar apps: the apps they may apply to.
    :ivar filters: functions; one that returns true lets a request pass uncounted.
    :ivar named: functions that give limits, by the name they were defined under.
    """

    def __init__(self) -> None:
        self.apps: WeakSet[Flask] = WeakSet()
        self.filters: list[Callable[[], Any]] = []
        self.named: dict[str, Callable[..., Any]] = {}
        self._limits: WeakKeyDictionary[Any, tuple[Declared, ...]] = WeakKeyDictionary()
        self._exempt: WeakSet[Any] = WeakSet()
        self._functions: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def limit(self, target: Any, limits: tuple[Declared, ...]) -> Any:
        """Declare limits; what was declared on a function before and stands for it is that one.

        :return: what they are declared on.
        """
        target = self._functions.get(target, target)
        self._limits[target] = (*self._limits.get(target, ()), *limits)
        return target

    def stands_for(self, wrapper: Any, function: Any) -> None:
        """Note what stands in the place of a function with limits."""
        self._functions[wrapper] = function

    def of(self, target: Any) -> tuple[Declared, ...]:
        """The limits declared on ``target`` itself."""
        try:
            return self._limits.get(target, ())
        except TypeError:  # an object that cannot be held weakly was never declared on
            return ()

    def exempt(self, target: Any) -> None:
        self._exempt.add(target)

    def endpoints(self, app: Flask, exempt: set[str]) -> list[Endpoint]:
        """Every endpoint of ``app``, with what was declared on it.

        :param exempt: names of endpoints to exempt besides.
        """
        methods: dict[str, set[str]] = {}
        automatic: set[str] = set()
        for rule in app.url_map.iter_rules():
            methods.setdefault(rule.endpoint, set()).update(rule.methods or _EVERY_METHOD)
            if getattr(rule, "provide_automatic_options", False):
                automatic.add(rule.endpoint)
        return [
            self._endpoint(app, name, methods[name], name in automatic, name in exempt)
            for name in methods
        ]

    def unreached(self) -> list[Any]:
        """Objects with limits that no route of any app leads to; calls of functions meet them."""
        reached: set[int] = set()
        for app in self.apps:
            reached.update(id(blueprint) for blueprint in app.blueprints.values())
            for view in app.view_functions.values():
                reached.update(id(layer) for layer in _layers(view))
        # Not by the dictionary's own iterator: a request may declare limits meanwhile.
        targets = [reference() for reference in self._limits.keyrefs()]
        return [target for target in targets if target is not None and id(target) not in reached]

    def _endpoint(
        self, app: Flask, name: str, methods: set[str], automatic: bool, exempt: bool
    ) -> Endpoint:
        view = app.view_functions.get(name)
        within = [app.blueprints[path] for path in blueprints(name) if path in app.blueprints]
        layers = [*_layers(view), *within]
        static = name == "static" or name.endswith(".static")
        return Endpoint(
            name=name,
            methods=frozenset(methods),
            levels=(self._limits_of(_view_layers(view)), *map(self.of, within)),
            by_method={method: self._of_method(view, method) for method in methods},
            automatic_options=automatic,
            exempt=exempt or static or any(layer in self._exempt for layer in layers),
            functions={method: _behind(view, method) for method in methods},
        )

    def _limits_of(self, targets: Iterator[Any]) -> tuple[Declared, ...]:
        return tuple(limit for target in targets for limit in self.of(target))

    def _of_method(self, view: Any, method: str) -> tuple[Declared, ...]:
        return self._limits_of(chain(handler(view, method)))


_EVERY_METHOD = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER}


def is_function(target: Any) -> bool:
    """Whether limits on ``target`` are met when it is called, though no route leads there."""
    return inspect.isroutine(target) or isinstance(target, functools.partial)


def _behind(view: Any, method: str) -> frozenset[int]:
    """The ids of all that the limits of ``view`` for ``method`` are declared on."""
    return frozenset(map(id, (*_view_layers(view), *chain(handler(view, method)))))


def _view_layers(view: Any) -> Iterator[Any]:
    """All a view is made of, save the functions of single HTTP methods."""
    yield from chain(view)
    view_class = getattr(view, "view_class", None)
    if view_class is not None:
        yield from (base for base in view_class.__mro__ if base is not object)
        yield from chain(getattr(view_class, "dispatch_request", None))


def _layers(view: Any) -> Iterator[Any]:
    yield from _view_layers(view)
    for _, function in handled(view):
        yield from chain(function)
