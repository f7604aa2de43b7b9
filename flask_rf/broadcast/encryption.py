"""End-to-end encryption of ``private-encrypted-`` channels: NaCl's secretbox, as Pusher has it.

The key of a channel is SHA-256 of its name and the app's master key. Clients get it with
their leave to join; servers in between see ciphertext only.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from .protocol import compact


def master_key(raw: Any) -> bytes:
    """The kind of setting that holds 32 bytes in base64."""
    try:
        key = raw if isinstance(raw, bytes) else base64.b64decode(str(raw), validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("write 32 random bytes in base64, as `openssl rand -base64 32` does")
    _nacl()
    return key


def shared_secret(master: bytes, channel: str) -> bytes:
    return hashlib.sha256(channel.encode() + master).digest()


def seal(master: bytes, channel: str, data: str) -> str:
    """The data of an event as only the channel's members can read it, JSON."""
    box = _nacl().SecretBox(shared_secret(master, channel))
    sealed = box.encrypt(data.encode("utf-8", "replace"))
    return compact(
        {
            "nonce": base64.b64encode(sealed.nonce).decode(),
            "ciphertext": base64.b64encode(sealed.ciphertext).decode(),
        }
    )


def _nacl() -> Any:
    try:
        from nacl import secret
    except ImportError:
        raise ValueError("install flask-rf[encryption] for it") from None
    return secret
