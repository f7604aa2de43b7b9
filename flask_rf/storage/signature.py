"""Leave to read or write one file for a while, as an HMAC in a URL.

The signature covers all that matters: method, disk, path, expiry, type, size and the name
to save it as. What it does not cover has no effect.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from dataclasses import astuple
from dataclasses import dataclass
from datetime import timedelta

#: Seconds. The most that signature version 4 of S3 allows; the same everywhere.
MAX_SECONDS = 604_800
#: Keeps these signatures apart from all others made with the app's key.
_PURPOSE = b"flask_rf.storage 1\n"


@dataclass(frozen=True)
class Leave:
    """What a URL allows.

    :param method: ``GET``, which covers HEAD, or ``PUT``.
    :param expires: Unix time in seconds.
    :param content_type: what is uploaded, and nothing else.
    :param size: exact bytes of the upload.
    :param max_bytes: its most bytes, where the size is not known.
    :param name: what the browser saves a download as.
    """

    method: str
    disk: str
    path: str
    expires: int
    content_type: str = ""
    size: int | None = None
    max_bytes: int | None = None
    name: str = ""

    def query(self) -> dict[str, str]:
        """The fields that path and method do not tell, as parameters of a URL."""
        fields = {
            "expires": self.expires,
            "type": self.content_type or None,
            "size": self.size,
            "max": self.max_bytes,
            "name": self.name or None,
        }
        return {key: str(value) for key, value in fields.items() if value is not None}


def sign(key: bytes, leave: Leave) -> str:
    """The signature of ``leave``: 43 letters that need no escaping in a URL."""
    # JSON tells where each field ends: no two leaves have one text.
    text = json.dumps(astuple(leave)).encode()
    digest = hmac.new(key, _PURPOSE + text, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_signed(keys: Sequence[bytes], leave: Leave, signature: str, now: float) -> bool:
    """Whether one of ``keys`` signed ``leave`` and it has not expired.

    :param now: Unix time in seconds.
    """
    given = signature.encode("utf-8", "surrogatepass")
    # All keys are tried, so that time tells nothing of which one fits.
    matches = [hmac.compare_digest(sign(key, leave).encode(), given) for key in keys]
    return any(matches) and now < leave.expires


def read_query(method: str, disk: str, path: str, query: dict[str, str]) -> Leave | None:
    """The leave that a URL asks for; None if its parameters are none of ours.

    :param query: as :meth:`Leave.query` writes it, and the signature.
    """
    try:
        leave = Leave(
            method,
            disk,
            path,
            int(query["expires"]),
            query.get("type", ""),
            int(query["size"]) if "size" in query else None,
            int(query["max"]) if "max" in query else None,
            query.get("name", ""),
        )
    except (KeyError, ValueError):
        return None
    # Numbers can be written in other ways (+5, ٥); the signature is of one.
    known = {key: value for key, value in query.items() if key != "signature"}
    return leave if leave.query() == known else None


def lifetime(expires: float | timedelta) -> int:
    """Whole seconds from now.

    :raises ValueError: not within 1 s and 7 days.
    """
    seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
    if isinstance(seconds, bool) or not 1 <= seconds <= MAX_SECONDS:
        raise ValueError(f"expires={expires!r}: write 1 to {MAX_SECONDS} seconds")
    return int(seconds)
