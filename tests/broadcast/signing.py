"""Signed requests of the HTTP API, written from the protocol's description alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode


def signed(
    method: str,
    path: str,
    content: Any = None,
    *,
    key: str = "flask-rf",
    secret: str = "s3cret",
    at: float | None = None,
    **query: str,
) -> dict[str, Any]:
    """Keyword arguments for Flask's test client.

    :param content: of the body: bytes, or anything that becomes JSON.
    :param at: Unix time of the signature; now by default.
    """
    params = {"auth_key": key, "auth_timestamp": str(int(at or time.time()))}
    params |= {"auth_version": "1.0", **query}
    if content is not None:
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        params["body_md5"] = hashlib.md5(content).hexdigest()
    text = "&".join(f"{name.lower()}={params[name]}" for name in sorted(params, key=str.lower))
    message = f"{method}\n{path}\n{text}".encode()
    params["auth_signature"] = hmac.new(secret.encode(), message, "sha256").hexdigest()
    return {
        "method": method,
        "path": path,
        "query_string": urlencode(params),
        "data": content,
    }
