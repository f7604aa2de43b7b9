"""Methods and field names: the tokens a preflight asks for and a policy lists."""

from __future__ import annotations

import re

#: Bytes, and names: more than any browser asks for at once.
MAX_REQUESTED_LENGTH = 4096
MAX_REQUESTED_NAMES = 64

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")

#: Fetch: "CORS-safelisted method".
SAFELISTED_METHODS = ("GET", "HEAD", "POST")
#: Fetch: "normalize a method"; `patch` is not among them.
_NORMALIZED_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"}
_FORBIDDEN_METHODS = {"CONNECT", "TRACE", "TRACK"}
#: Fetch: "forbidden request-header"; no page can set them.
_FORBIDDEN_REQUEST_HEADERS = frozenset(
    """
    accept-charset accept-encoding access-control-request-headers access-control-request-method
    connection content-length cookie cookie2 date dnt expect host keep-alive origin referer
    set-cookie te trailer transfer-encoding upgrade via
    """.split()
)
#: Fetch: "forbidden response-header name"; no page can read them.
_FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})


def is_token(text: str) -> bool:
    """Whether it is a token of RFC 9110 section 5.6.2, of at most 128 bytes."""
    return _TOKEN.fullmatch(text) is not None


def normalize_method(method: str) -> str:
    """What a browser makes of a method before it asks for it."""
    upper = method.upper()
    return upper if upper in _NORMALIZED_METHODS else method


def requested_names(value: str | None) -> list[str] | None:
    """The lower-cased names of Access-Control-Request-Headers; None if it is malformed.

    Browsers send one sorted line without spaces; what is between may split it, and
    RFC 9110 section 5.6.1.2 has recipients tolerate white space and empty elements.
    """
    if value is None:
        return []
    if len(value) > MAX_REQUESTED_LENGTH:
        return None
    names = [name for part in value.split(",") if (name := part.strip(" \t").lower())]
    if len(names) > MAX_REQUESTED_NAMES or not all(map(is_token, names)):
        return None
    return names


def method_remedy(method: str) -> str | None:
    """Why a configured method cannot be meant, and what to write; None if it can."""
    if not is_token(method):
        return f"{method!r} is no method; write names like PUT, or *"
    if method.upper() in _FORBIDDEN_METHODS:
        return f"browsers send no {method}; leave it out"
    # Methods are case-sensitive, and Flask's are upper-case.
    if normalize_method(method) != method.upper():
        return f"methods are case-sensitive; write {method.upper()!r} for {method!r}"
    return None


def request_header_remedy(name: str) -> str | None:
    """As :func:`method_remedy`, for a header that pages may send."""
    lower = name.lower()
    if not is_token(name):
        return f"{name!r} is no header name; write names like Content-Type, or *"
    if "*" in name and name != "*":
        return f"{name!r} would stand for no other header; write whole names, or * alone for all"
    if lower in _FORBIDDEN_REQUEST_HEADERS or lower.startswith(("proxy-", "sec-")):
        return f"pages cannot send {name}, browsers do; leave it out"
    if lower.startswith("access-control-"):
        return f"{name} stands on responses; leave it out"
    return None


def response_header_remedy(name: str) -> str | None:
    """As :func:`method_remedy`, for a header that pages may read."""
    if not is_token(name):
        return f"{name!r} is no header name; write names like ETag, or *"
    if name.lower() in _FORBIDDEN_RESPONSE_HEADERS:
        return f"no page can read {name}; leave it out"
    return None
