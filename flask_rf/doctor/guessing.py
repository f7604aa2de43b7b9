"""Whether a secret can be guessed. Pure."""

from __future__ import annotations

_KEY_LENGTH = 16  # bytes; 128 bits is the least that nobody tries out
_COMMON_KEYS = ("dev", "secret", "change", "example", "password", "test", "12345", "development")


def raw(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


def can_be_guessed(key: str | bytes) -> bool:
    """Whether it is short, or a person wrote it: a word that such keys have, few characters."""
    text = raw(key).decode("utf-8", "replace").lower()
    is_common = len(set(text)) < 8 or any(word in text for word in _COMMON_KEYS)
    return len(raw(key)) < _KEY_LENGTH or is_common
