"""What stands behind an endpoint: decorated functions, methods of view classes, blueprints."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from flask import Flask


def chain(function: Any) -> Iterator[Any]:
    """``function`` and what it wraps, as functools.wraps and partial leave it."""
    while function is not None:
        yield function
        wrapped = getattr(function, "__wrapped__", None)
        function = function.func if isinstance(function, functools.partial) else wrapped


def handler(view: Any, method: str) -> Any:
    """The function of a class-based view that answers ``method``; GET's answers HEAD too.

    :returns: None where there is none, and for views that are plain functions.
    """
    view_class = getattr(view, "view_class", None)
    found = getattr(view_class, method.lower(), None)
    return getattr(view_class, "get", None) if found is None and method == "HEAD" else found


def handled(view: Any) -> Iterator[tuple[str, Any]]:
    """The methods that a class-based view answers, each with its function."""
    methods = {*(getattr(view, "methods", None) or ()), "HEAD"}
    found = ((method, handler(view, method)) for method in methods)
    return ((method, function) for method, function in found if function is not None)


def blueprints(endpoint: str) -> list[str]:
    """The names of an endpoint's blueprints, innermost first."""
    parts = endpoint.split(".")[:-1]
    return [".".join(parts[: n + 1]) for n in reversed(range(len(parts)))]


class Marks:
    """What decorators have put on the views and blueprints of one app, as an attribute.

    Routes join an app until its first request; they are looked through once, by it.

    :param name: of the attribute.
    """

    def __init__(self, app: Flask, name: str) -> None:
        self._app = app
        self._name = name

    def of(self, endpoint: str | None, method: str) -> Any:
        """The mark of what answers: of a class's method, else the view, else its blueprints."""
        if self._by_method:
            found = self._by_method.get((endpoint, method))
            if found is not None:
                return found
        return self._by_endpoint.get(endpoint)

    def __bool__(self) -> bool:
        return bool(self._by_method or self._by_endpoint)

    def endpoints(self) -> set[str]:
        """The endpoints that have any."""
        found = {*self._by_endpoint, *(endpoint for endpoint, _ in self._by_method)}
        return {endpoint for endpoint in found if endpoint is not None}

    @cached_property
    def _by_method(self) -> dict[tuple[str | None, str], Any]:
        return {
            (endpoint, method): found
            for endpoint, view in self._app.view_functions.items()
            for method, function in handled(view)
            if (found := self._on(chain(function))) is not None
        }

    @cached_property
    def _by_endpoint(self) -> dict[str | None, Any]:
        marks = {name: self._on(self._around(name)) for name in self._app.view_functions}
        return {name: found for name, found in marks.items() if found is not None}

    def _around(self, endpoint: str) -> Iterator[Any]:
        view = self._app.view_functions[endpoint]
        view_class = getattr(view, "view_class", None)
        yield from chain(view)
        yield view_class
        yield from chain(getattr(view_class, "dispatch_request", None))
        yield from (self._app.blueprints.get(name) for name in blueprints(endpoint))

    def _on(self, targets: Iterator[Any]) -> Any:
        found = (getattr(target, self._name, None) for target in targets)
        return next((mark for mark in found if mark is not None), None)
