"""One policy, compiled: what it answers is ready-made. Pure; knows nothing of Flask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field

from .options import PolicyOptions
from .origins import AllowedOrigins
from .tokens import is_token
from .tokens import normalize_method
from .tokens import requested_names
from .tokens import SAFELISTED_METHODS

ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials"
ALLOW_METHODS = "Access-Control-Allow-Methods"
ALLOW_HEADERS = "Access-Control-Allow-Headers"
EXPOSE_HEADERS = "Access-Control-Expose-Headers"
MAX_AGE = "Access-Control-Max-Age"

Headers = dict[str, str]


@dataclass(frozen=True)
class Preflight:
    """The answer to a preflight.

    :param refusal: which check failed, in words; None if all passed.
    :param headers: the CORS headers; none on a refusal.
    """

    refusal: str | None = None
    headers: Headers = field(default_factory=dict)


class Policy:
    """What pages of other origins may do.

    :param options: checked by :func:`~flask_rf.cors.faults.faults_of`.
    :param exposed: more headers to expose.
    """

    def __init__(self, options: PolicyOptions, exposed: Iterable[str] = ()) -> None:
        self._options = options
        self._credentials = options.supports_credentials
        self.any_origin = "*" in options.origins
        # Denied or not: a cache must not give one origin's response to another.
        self.vary = () if self.any_origin else ("Origin",)
        self._origins = AllowedOrigins(
            options.origins,
            secure_only=self._credentials and not options.dangerously_allow_insecure_origins,
        )
        #: Functions decide about origins: nobody may keep what they said.
        self.may_change = self._origins.may_change
        self._any_method = "*" in options.methods
        self._methods = {*SAFELISTED_METHODS, *map(normalize_method, options.methods)}
        self._any_header = "*" in options.allow_headers
        self._headers = {name.lower() for name in options.allow_headers}
        self._actual = self._ready(self._exposing(exposed))
        self._preflight = self._ready(self._allowing())

    def exposing(self, names: Iterable[str]) -> Policy:
        """The same policy, with more headers exposed."""
        return Policy(self._options, names)

    def allows_origin(self, origin: str) -> bool:
        return self.any_origin or origin in self._origins

    def actual(self, origin: str | None) -> Headers:
        """The CORS headers of an actual response.

        :param origin: the request's Origin; None if it has none.
        """
        if self.any_origin:
            return self._actual
        if origin is None or origin not in self._origins:
            return {}
        return {ALLOW_ORIGIN: origin, **self._actual}

    def preflight(self, origin: str, method: str, requested: str | None) -> Preflight:
        """Answer a preflight, with the checks of Fetch's "CORS-preflight fetch" in its order.

        :param requested: the value of Access-Control-Request-Headers; None if it is absent.
        """
        names = requested_names(requested)
        refusal = (
            self._refuses_origin(origin)
            or self._refuses_method(method)
            or self._refuses_headers(names)
        )
        if refusal or names is None:
            return Preflight(refusal)
        headers = self._preflight if self.any_origin else {ALLOW_ORIGIN: origin, **self._preflight}
        return Preflight(headers=headers | self._echoed(method, names))

    def _refuses_origin(self, origin: str) -> str | None:
        return None if self.allows_origin(origin) else f"the origin {origin!r} is not allowed"

    def _refuses_method(self, method: str) -> str | None:
        if method in self._methods or (self._any_method and is_token(method)):
            return None
        return f"the method {method!r} is not allowed"

    def _refuses_headers(self, names: list[str] | None) -> str | None:
        if names is None:
            return "Access-Control-Request-Headers is malformed or too long"
        refused = [name for name in names if not self._allows_header(name)]
        return f"the headers {refused!r} are not allowed" if refused else None

    def _allows_header(self, name: str) -> bool:
        # Fetch: Authorization is a "CORS non-wildcard request-header name".
        return name in self._headers or (self._any_header and name != "authorization")

    def _echoed(self, method: str, names: list[str]) -> Headers:
        """What stands for ``*``, which browsers take literally once cookies are sent."""
        echoed = {}
        if self._credentials and self._any_method:
            echoed[ALLOW_METHODS] = method
        if self._credentials and self._any_header and names:
            echoed[ALLOW_HEADERS] = ", ".join(names)
        return echoed

    def _allowing(self) -> Headers:
        methods: tuple[str, ...] = (*SAFELISTED_METHODS, *self._options.methods)
        if self._any_method:
            methods = () if self._credentials else ("*",)
        names = self._options.allow_headers
        if self._any_header and self._credentials:
            names = ()
        max_age = self._options.max_age
        return {
            ALLOW_METHODS: _joined(map(normalize_method, methods)),
            ALLOW_HEADERS: _joined(names),
            MAX_AGE: "" if max_age is None else str(int(max_age)),
        }

    def _exposing(self, exposed: Iterable[str]) -> Headers:
        listed = self._options.expose_headers
        return {EXPOSE_HEADERS: _joined(listed if "*" in listed else (*listed, *exposed))}

    def _ready(self, headers: Headers) -> Headers:
        always = {
            ALLOW_ORIGIN: "*" if self.any_origin else "",
            ALLOW_CREDENTIALS: "true" if self._credentials else "",
        }
        return {name: value for name, value in (always | headers).items() if value}


def _joined(names: Iterable[str]) -> str:
    return ", ".join({name.lower(): name for name in names}.values())
