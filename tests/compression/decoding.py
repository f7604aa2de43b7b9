"""What a client does with an encoded body."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

import brotli
import pytest


def zstd() -> Any:
    """The zstd library, or the test is skipped."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    pytest.skip("no zstd library is installed")


def decode(coding: str | None, body: bytes) -> bytes:
    if coding is None:
        return body
    if coding == "br":
        return brotli.decompress(body)
    if coding == "zstd":
        decoded: bytes = zstd().decompress(body)
        return decoded
    return zlib.decompress(body, {"gzip": 31, "deflate": 15}[coding])


class Decoder:
    """Decodes a stream as it arrives."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        if coding == "br":
            self._feed = brotli.Decompressor().process
        elif coding == "zstd":
            self._feed = zstd().ZstdDecompressor().decompress
        else:
            self._zlib = zlib.decompressobj({"gzip": 31, "deflate": 15}[coding])
            self._feed = self._zlib.decompress

    def feed(self, data: bytes) -> bytes:
        decoded: bytes = self._feed(data)
        return decoded

    @property
    def has_ended(self) -> bool:
        """Whether zlib has seen a valid trailer."""
        return self._zlib.eof
