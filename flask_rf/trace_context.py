"""W3C Trace Context: which distributed trace a request belongs to. Starts no spans itself."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace_id>[0-9a-f]{32})-(?P<span_id>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<rest>-[^,]*)?"
)
_KEY = r"[a-z0-9][a-z0-9_*/@-]{0,255}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rf"[ \t]*(?:{_KEY}={_VALUE})?[ \t]*")
_MAX_TRACESTATE, _MAX_MEMBERS = 512, 32
#: The flags defined so far: sampled, and random trace id (level 2).
_KNOWN_FLAGS = 0b11


@dataclass(frozen=True)
class TraceContext:
    """The place in a trace that a request was sent from.

    :param trace_id: 32 lower-case hexadecimal digits.
    :param span_id: 16 of them.
    """

    trace_id: str
    span_id: str
    flags: int = 0
    tracestate: str = ""

    def headers(self) -> dict[str, str]:
        """The headers that pass it on, of version 00."""
        headers = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"}
        return headers | ({"tracestate": self.tracestate} if self.tracestate else {})


def parse(traceparent: str | None, tracestate: str | None) -> TraceContext | None:
    """Read the two headers (W3C Trace Context, section 3); a bad tracestate alone is dropped.

    :returns: None if traceparent is absent, malformed or duplicated, which the server
        joins by a comma: whoever is next starts a trace anew, without the old tracestate.
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["rest"]):
        return None
    if not (found["trace_id"].strip("0") and found["span_id"].strip("0")):
        return None
    flags = int(found["flags"], 16) & _KNOWN_FLAGS
    state = tracestate if tracestate and _is_tracestate(tracestate) else ""
    return TraceContext(found["trace_id"], found["span_id"], flags, state)


def active_span() -> TraceContext | None:
    """OpenTelemetry's current span; None if there is none.

    Its API is not imported here: where nobody has, there is no span.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return TraceContext(f"{span.trace_id:032x}", f"{span.span_id:016x}", int(span.trace_flags))


def _is_tracestate(value: str) -> bool:
    members = value.split(",")
    if len(value) > _MAX_TRACESTATE or len(members) > _MAX_MEMBERS:
        return False
    return all(_MEMBER.fullmatch(member) for member in members)
