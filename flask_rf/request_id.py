"""One id for each request: taken from a trusted caller or made here, and sent back.

It is kept in the request's environ, so nothing can leak into the next request
of a kept-alive connection, as a ContextVar set in a request function does under
gunicorn's gevent and gthread workers.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from threading import Thread
from typing import Any
from typing import ClassVar
from typing import NamedTuple
from typing import ParamSpec
from typing import TypeVar

from flask import current_app
from flask import Flask
from flask import got_request_exception
from flask import has_request_context
from flask import request
from flask import Response

from . import hooks
from . import kinds
from .client_address import parse_address
from .kinds import Network
from .recipe import Recipe
from .settings import Options
from .settings import resolve
from .settings import setting
from .trace_context import active_span
from .trace_context import parse
from .trace_context import TraceContext

P = ParamSpec("P")
R = TypeVar("R")
Environ = dict[str, Any]

_ENVIRON_KEY = "flask_rf.identity"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Identity(NamedTuple):
    """What a request is known by.

    :param trace: where in a trace its caller was; None without a valid traceparent.
    """

    request_id: str
    trace: TraceContext | None = None


#: The identity of work that was carried out of its request; set only while that work runs.
_carried: ContextVar[Identity | None] = ContextVar("flask_rf.carried_identity", default=None)


def header_name(raw: Any) -> str:
    """A field name as RFC 9110 section 5.1 has it."""
    if isinstance(raw, str) and _TOKEN.fullmatch(raw):
        return raw
    raise ValueError("write the name of a header, like X-Request-ID")


def id_pattern(raw: Any) -> re.Pattern[str]:
    """A regular expression that a whole id must match."""
    try:
        pattern = re.compile(raw)
        matches_nothing = pattern.fullmatch("") is not None
    except (re.error, TypeError):
        raise ValueError("write a regular expression, like [A-Za-z0-9._-]{8,128}") from None
    if matches_nothing:
        raise ValueError("demand at least one character, like [A-Za-z0-9._-]{8,128}")
    return pattern


def trust(raw: Any) -> str | tuple[Network, ...]:
    """``never``, ``always`` or a list of networks."""
    if raw in ("never", "always"):
        return str(raw)
    try:
        networks = kinds.networks(raw)
    except ValueError:
        networks = ()
    if not networks:
        raise ValueError("write never, always or the networks of your proxies, like 10.0.0.0/8")
    return networks


@dataclass(frozen=True)
class RequestIDOptions(Options):
    prefix: ClassVar[str] = "REQUEST_ID_"

    header: str = setting(header_name, "X-Request-ID", doc="The header that carries the id.")
    pattern: re.Pattern[str] = setting(
        id_pattern,
        re.compile(r"[A-Za-z0-9._-]{8,128}"),
        doc="What a caller's id must match as a whole; any other is replaced.",
    )
    trust: str | tuple[Network, ...] = setting(
        trust,
        "always",
        doc="Whose ids are taken over: never, always, or networks of the peers.",
    )


class CompiledRequestID:
    """The ids of one app's requests."""

    def __init__(self, options: RequestIDOptions) -> None:
        self.header = options.header
        self._kind = options.header.lower()
        self._environ_header = f"HTTP_{options.header.upper().replace('-', '_')}"
        self._pattern = options.pattern
        self._trust = options.trust

    def identity_of(self, environ: Environ) -> Identity:
        """The request's identity, settled when first asked for.

        A request function would be too late for a URL preprocessor that aborts,
        whose error handlers and log lines want the id as well.
        """
        found: Identity | None = environ.get(_ENVIRON_KEY)
        if found is None:
            found = environ[_ENVIRON_KEY] = self._settle(environ)
        return found

    def id_of(self, environ: Environ) -> str:
        """The id alone."""
        return self.identity_of(environ).request_id

    def after(self, response: Response) -> Response:
        self._add_header(response)
        return response

    def failed(self, app: Flask, **_: Any) -> None:
        self._add_header(None)

    def _add_header(self, response: Response | None) -> None:
        current = hooks.current_request()
        request_id = self.identity_of(current.environ).request_id
        hooks.add_headers(current, response, {self._kind: ((self.header, request_id),)})

    def _settle(self, environ: Environ) -> Identity:
        inbound = environ.get(self._environ_header)
        said = inbound is not None or "HTTP_TRACEPARENT" in environ
        if not said or not self._trusted(environ):
            return Identity(new_id())
        request_id = inbound if inbound and self._acceptable(inbound) else new_id()
        trace = parse(environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_TRACESTATE"))
        return Identity(request_id, trace)

    def _acceptable(self, value: str) -> bool:
        # Servers join a duplicated header by a comma: whose id would it be?
        plain = value.isascii() and value.isprintable() and "," not in value
        return plain and self._pattern.fullmatch(value) is not None

    def _trusted(self, environ: Environ) -> bool:
        if isinstance(self._trust, str):
            return self._trust == "always"
        # ProxyFix writes the client's claim over the peer's address, and keeps the original.
        peer = environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR")
        if not peer:
            return True  # A unix socket, where only a local proxy can be.
        address = parse_address(peer)
        return address is not None and any(address in network for network in self._trust)


class RequestID(Recipe[CompiledRequestID]):
    """Give each request an id and each response one header that says it.

    :param header: its name; ``X-Request-ID`` by default.
    :param pattern: what a caller's id must match as a whole, else it is replaced.
    :param trust: whose ids are taken over: ``"never"``, ``"always"``, or the networks
        of the peers (proxies) that may name one.
    """

    name = "request_id"
    options = RequestIDOptions

    def compile(self, app: Flask) -> CompiledRequestID:
        compiled = CompiledRequestID(resolve(app, RequestIDOptions, self.given))
        hooks.place(app, "request_id", after=compiled.after)
        got_request_exception.connect(compiled.failed, app)
        return compiled

    def headers(self) -> dict[str, str]:
        """The headers that carry the current id, and trace, to another service.

        ``httpx.get(url, headers=rf.request_id.headers())``; empty where there is no id.
        """
        current = current_identity()
        if current is None:
            return {}
        # OpenTelemetry passes its spans on by itself.
        trace = current.trace.headers() if current.trace and not active_span() else {}
        return {self.compiled.header: current.request_id, **trace}


class RequestIDFilter(logging.Filter):
    """Sets ``record.request_id``, ``record.trace_id`` and ``record.span_id`` for log formats.

    :param default: stands for what there is none of.
    """

    def __init__(self, default: str = "-") -> None:
        super().__init__()
        self.default = default

    def filter(self, record: logging.LogRecord) -> bool:
        # A record handed over by a QueueHandler has its ids already, of another thread.
        if not hasattr(record, "request_id"):
            current = current_identity()
            trace = active_span() or (current and current.trace)
            record.request_id = current.request_id if current else self.default
            record.trace_id = trace.trace_id if trace else self.default
            record.span_id = trace.span_id if trace else self.default
        return True


def current_identity() -> Identity | None:
    """What the request at hand is known by, or the one that this work was carried out of."""
    if has_request_context():
        compiled: CompiledRequestID | None = current_app.extensions.get("rf_request_id")
        if compiled is not None:
            return compiled.identity_of(request.environ)
    return _carried.get()


def current_request_id() -> str | None:
    """The id of the request at hand, or that this work was carried out of; None without one."""
    current = current_identity()
    return current.request_id if current else None


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """``function`` under the current request's id, wherever it will run.

    Threads and greenlets start with an empty context; hand them ``carry(work)``.
    """
    current = current_identity()

    @wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        token = _carried.set(current)
        try:
            return function(*args, **kwargs)
        finally:
            _carried.reset(token)

    return carried


def spawn(function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Thread:
    """Run ``function`` aside, under the current request's id.

    :returns: the started daemon thread, which is a greenlet under gevent's monkey patch.
    """
    thread = Thread(target=carry(function), args=args, kwargs=kwargs, daemon=True)
    thread.start()
    return thread


#: What is random in ids to come; a child process draws its own.
_random_halves: list[str] = []
_AT_ONCE = 64
if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_random_halves.clear)


def new_id() -> str:
    """A UUIDv7 (RFC 9562 section 5.7), so that ids sort by time."""
    # Not through uuid.UUID, which takes three times as long.
    milliseconds = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    try:
        half = _random_halves.pop()  # no two threads get the same
    except IndexError:
        half, *others = _draw()
        _random_halves.extend(others)
    return f"{milliseconds.hex('-', -4)}-{half}"


def _draw() -> list[str]:
    """The random halves of many ids: to ask the system for each takes longer than the rest."""
    drawn, halves = bytearray(os.urandom(10 * _AT_ONCE)), []
    for start in range(0, len(drawn), 10):
        half = drawn[start : start + 10]
        half[0] = half[0] & 0x0F | 0x70  # version 7
        half[2] = half[2] & 0x3F | 0x80  # variant 10
        halves.append(f"{half[:4].hex('-', 2)}-{half[4:].hex()}")
    return halves
