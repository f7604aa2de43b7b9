"""CORS on one app: its request functions, and what other features may ask."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from functools import lru_cache

from flask import Flask
from flask import Request
from flask import Response
from werkzeug.exceptions import HTTPException

from .. import hooks
from ..response_headers import CORS_HEADERS
from ..response_headers import Header
from ..views import Marks
from .policy import Policy
from .policy import Preflight
from .resources import Resources

logger = logging.getLogger("flask_rf")

#: The attribute of a view or a blueprint that has a policy of its own.
MARK = "_flask_rf_cross_origin"

_LIMITER_HEADERS = [
    *("Retry-After", "RateLimit", "RateLimit-Policy"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
]
_ANSWERED = "flask_rf.cors.preflight"


class CompiledCORS:
    """The policies of one app.

    :param policies: by path; views and blueprints may have policies of their own.
    """

    def __init__(self, app: Flask, policies: Mapping[str, Policy]) -> None:
        self._app = app
        self._policies = policies
        self._origins = Resources(policies)
        self._own = Marks(app, MARK)
        self._ready: dict[Policy, Policy] = {}

    def before(self) -> Response | None:
        """Answer a preflight, before authentication, limits and the app's own functions."""
        current = hooks.current_request()
        return self._answer(current) if is_preflight(current) else None

    def after(self, response: Response) -> Response:
        """Put the CORS headers on a response, whatever made it."""
        current = hooks.current_request()
        if is_preflight(current):
            # A URL preprocessor that aborts goes past the functions before a request.
            late = None if _ANSWERED in current.environ else self._answer(current)
            return response if late is None else late
        self._add_headers(current, response)
        return response

    def failed(self, app: Flask, **_: object) -> None:
        current = hooks.current_request()
        if not is_preflight(current):
            self._add_headers(current, None)

    def allows_origin(self, origin: str, path: str) -> bool:
        """Whether a page of ``origin`` may use ``path``; for WebSocket handshakes,
        which browsers send without asking CORS (RFC 6455 section 10.2).
        """
        policy = self._origins.of(path)
        return policy is not None and policy.allows_origin(origin)

    def policy_for(self, preflight: Request) -> Policy | None:
        """The policy that the request announced by ``preflight`` will meet."""
        method = preflight.environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
        endpoint = self._announced_endpoint(preflight, method) if self._own else None
        return self._policy_of(endpoint, method.upper(), preflight.path)

    def decide(self, preflight: Request, policy: Policy) -> Preflight:
        """What ``policy`` answers to ``preflight``."""
        return policy.preflight(
            preflight.environ["HTTP_ORIGIN"],
            preflight.environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"],
            preflight.environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
        )

    def _add_headers(self, current: Request, response: Response | None) -> None:
        policy = self._policy_of(current.endpoint, current.method, current.path)
        if policy is not None:
            read = _headers_now if policy.may_change else _headers
            headers = read(policy, current.environ.get("HTTP_ORIGIN"))
            hooks.add_headers(current, response, headers, policy.vary)

    def _answer(self, preflight: Request) -> Response | None:
        policy = self.policy_for(preflight)
        if policy is None:
            return None
        preflight.environ[_ANSWERED] = True
        decision = self.decide(preflight, policy)
        if decision.refusal:
            logger.info("CORS preflight for %r: %s", preflight.path, decision.refusal)
            body = decision.refusal + "\n" if self._app.debug else ""
            response = self._app.response_class(body, 403, mimetype="text/plain")
        else:
            response = self._app.response_class(status=204)
            del response.headers["Content-Type"]
        headers = {CORS_HEADERS: tuple(decision.headers.items())}
        hooks.add_headers(preflight, response, headers, policy.vary)
        return response

    def _announced_endpoint(self, preflight: Request, method: str) -> str | None:
        # Flask resolves OPTIONS to the first rule of the path, whatever methods that has.
        try:
            adapter = self._app.create_url_adapter(preflight)
            return adapter.match(method=method)[0] if adapter else None
        except HTTPException:
            return None

    def _policy_of(self, endpoint: str | None, method: str, path: str) -> Policy | None:
        own = self._own.of(endpoint, method)
        return self._by_path.of(path) if own is None else self._exposing(own)

    @cached_property
    def _by_path(self) -> Resources[Policy]:
        return Resources({path: self._exposing(p) for path, p in self._policies.items()})

    def _exposing(self, policy: Policy) -> Policy:
        """The policy with the headers of features, which join an app until its first request."""
        ready = self._ready.get(policy)
        if ready is None:
            ready = self._ready[policy] = policy.exposing(_exposed_by(self._app))
        return ready


def _headers_now(policy: Policy, origin: str | None) -> dict[str, tuple[Header, ...]]:
    return {CORS_HEADERS: tuple(policy.actual(origin).items())}


#: Few origins ask, each many times; a server bounds their length.
_headers = lru_cache(maxsize=256)(_headers_now)


def is_preflight(current: Request) -> bool:
    """Whether it is a CORS-preflight request: OPTIONS, an origin, and the method announced."""
    environ = current.environ
    return (
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        and "HTTP_ORIGIN" in environ
        and environ["REQUEST_METHOD"] == "OPTIONS"
    )


def _exposed_by(app: Flask) -> list[str]:
    """The headers that flask_rf's other features put on responses for the caller to read."""
    request_id = app.extensions.get("rf_request_id")
    names = [request_id.header] if request_id is not None else []
    return names + _LIMITER_HEADERS if "rf_limiter" in app.extensions else names
