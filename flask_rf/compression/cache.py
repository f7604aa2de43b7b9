"""Compressed bodies kept for the next time the same content is sent."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from .codecs import Codec

#: What an entry costs besides its bytes; it bounds the number of tiny ones.
ENTRY_OVERHEAD = 400

Key = tuple[bytes, str, int]


class CompressedCache:
    """The most recently used compressed bodies, by content, coding and level.

    :param capacity: bytes, overhead included; 0 keeps nothing.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._entries: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def key(self, codec: Codec, body: bytes) -> Key:
        # Not a cheaper digest: whoever makes two bodies collide is sent another's content.
        return sha256(body).digest(), codec.coding, codec.level

    def get(self, key: Key) -> bytes | None:
        with self._lock:
            encoded = self._entries.get(key)
            if encoded is not None:
                self._entries.move_to_end(key)
            return encoded

    def put(self, key: Key, encoded: bytes) -> None:
        cost = len(encoded) + ENTRY_OVERHEAD
        with self._lock:
            if cost > self.capacity or key in self._entries:
                return
            self._entries[key] = encoded
            self.size += cost
            while self.size > self.capacity:
                _, oldest = self._entries.popitem(last=False)
                self.size -= len(oldest) + ENTRY_OVERHEAD
