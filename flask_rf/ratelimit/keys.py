"""What the parts of a count's key look like. Pure."""

from __future__ import annotations

import hashlib

#: Bytes of a key from the outside that are kept as they are.
LONGEST_KEY = 128
_LONGEST_SCOPE = 20


def bounded(key: str) -> str:
    """``key`` itself, or its digest where it is long: anyone may send 60 kB in a header.

    Or where it begins with a brace: there would be no hash tag to keep a client's counts together.
    """
    if len(key) <= LONGEST_KEY // 4 and key.isascii() and key[:1] != "}":
        return key
    raw = key.encode("utf-8", "backslashreplace")
    kept = len(raw) <= LONGEST_KEY and raw.decode() == key and key[:1] != "}"
    return key if kept else "#" + _digest(raw, 16)


def short(scope: str) -> str:
    """``scope`` without braces; its digest where it is long."""
    # A short scope keeps a bucket's key in the allocator's 64-byte class in Redis.
    clean = scope.replace("{", "(").replace("}", ")")
    return clean if len(clean) <= _LONGEST_SCOPE else _digest(scope.encode(), 6)


def _digest(raw: bytes, size: int) -> str:
    return hashlib.blake2b(raw, digest_size=size).hexdigest()
