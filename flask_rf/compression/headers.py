"""What a response's headers say about encoding it, and what encoding it says in them."""

from __future__ import annotations

from collections.abc import Collection

from flask import Response

from .etags import with_suffix

# The body is encoded already, or its digest (RFC 9530) is of the bytes as they are.
_SETTLED = frozenset({"content-encoding", "content-digest", "repr-digest"})


def may_transform(response: Response, names: Collection[str]) -> bool:
    """Whether the body may be encoded at all.

    :param names: the response's header names in lower case.
    """
    if not _SETTLED.isdisjoint(names):
        return False
    return "cache-control" not in names or not has_directive(response, "no-transform")


def has_directive(response: Response, directive: str) -> bool:
    """Whether Cache-Control holds ``directive``."""
    return directive in ",".join(response.headers.getlist("Cache-Control")).lower()


def mark_encoded(response: Response, coding: str) -> None:
    """Say that the body is encoded as ``coding``. The length is the caller's."""
    headers = response.headers
    headers["Content-Encoding"] = coding
    headers.pop("Accept-Ranges", None)
    etag = headers.get("ETag")
    if etag is not None:
        headers["ETag"] = with_suffix(etag, coding)
