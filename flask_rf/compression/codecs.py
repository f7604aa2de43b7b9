"""The codings and the libraries behind them, imported when a codec is made."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Protocol
from typing import TypeVar

from ..eventloop import off_the_loop

T = TypeVar("T")

#: Bytes from which encoding takes longer than a thread's round trip.
OFFLOAD_FROM = 128 * 1024

CODINGS = ("zstd", "br", "gzip", "deflate")

_ZLIB_WRAPPERS = {"gzip": 31, "deflate": 15}  # zlib's wbits: a 32 KiB window plus the format


class Encoder(Protocol):
    """Encodes one stream."""

    def chunk(self, data: bytes) -> bytes:
        """Encode ``data`` so that all of it can be decoded from what was returned so far."""

    def end(self) -> bytes:
        """The end of the stream, checksum included."""


@dataclass(frozen=True)
class Codec:
    """One coding at one level.

    :param compress: encodes a whole body.
    :param encoder: makes the encoder of a stream.
    """

    coding: str
    level: int
    compress: Callable[[bytes], bytes]
    encoder: Callable[[], Encoder]


def make_codec(coding: str, level: int) -> Codec:
    """The codec of ``coding``, one of :data:`CODINGS`.

    :raises ImportError: its library is not installed.
    """
    if coding == "zstd":
        return _zstd(level)
    if coding == "br":
        return _brotli(level)
    return _zlib(coding, level)


def run(function: Callable[[bytes], T], data: bytes) -> T:
    """``function(data)``, off the event loop where ``data`` is large; no codec yields to it."""
    return function(data) if len(data) < OFFLOAD_FROM else off_the_loop(function, data)


class _FlushedEncoder:
    """An encoder of a library whose compressor objects have ``compress`` and ``flush``."""

    def __init__(self, compressor: Any, flush: int) -> None:
        self._compressor = compressor
        self._flush = flush

    def chunk(self, data: bytes) -> bytes:
        encoded: bytes = self._compressor.compress(data) + self._compressor.flush(self._flush)
        return encoded

    def end(self) -> bytes:
        encoded: bytes = self._compressor.flush()
        return encoded


class _BrotliEncoder:
    def __init__(self, compressor: Any) -> None:
        self._compressor = compressor

    def chunk(self, data: bytes) -> bytes:
        encoded: bytes = self._compressor.process(data) + self._compressor.flush()
        return encoded

    def end(self) -> bytes:
        encoded: bytes = self._compressor.finish()
        return encoded


def _zlib(coding: str, level: int) -> Codec:
    zlib = _first_importable("zlib_ng.zlib_ng", "zlib")
    wrapper = _ZLIB_WRAPPERS[coding]

    # A compressor object writes no time and no file name into gzip's header, and, unlike
    # zlib.compress, takes wbits on Python 3.10 too.
    def compressor() -> Any:
        return zlib.compressobj(level, zlib.DEFLATED, wrapper)

    def compress(data: bytes) -> bytes:
        whole = compressor()
        encoded: bytes = whole.compress(data) + whole.flush()
        return encoded

    return Codec(coding, level, compress, lambda: _FlushedEncoder(compressor(), zlib.Z_SYNC_FLUSH))


def _brotli(level: int) -> Codec:
    brotli = importlib.import_module("brotli")
    return Codec(
        "br",
        level,
        lambda data: brotli.compress(data, quality=level),
        lambda: _BrotliEncoder(brotli.Compressor(quality=level)),
    )


def _zstd(level: int) -> Codec:
    zstd = _first_importable("compression.zstd", "backports.zstd")

    def encoder() -> Encoder:
        return _FlushedEncoder(zstd.ZstdCompressor(level), zstd.ZstdCompressor.FLUSH_BLOCK)

    return Codec("zstd", level, lambda data: zstd.compress(data, level), encoder)


def _first_importable(*names: str) -> Any:
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return importlib.import_module(names[-1])
