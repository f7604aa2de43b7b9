"""A streamed body, encoded chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from .codecs import Encoder
from .codecs import run


class CompressedStream(Iterator[bytes]):
    """The encoded chunks of ``chunks``: what a view yields is on the wire at once.

    :param source: the view's own iterable, closed exactly once (PEP 3333).
    """

    def __init__(self, chunks: Iterable[bytes], source: Any, encoder: Encoder) -> None:
        self._encoded = _encode(chunks, encoder)
        self._source = source

    def __next__(self) -> bytes:
        return next(self._encoded)

    def close(self) -> None:
        source, self._source = self._source, None
        if hasattr(source, "close"):
            source.close()


def _encode(chunks: Iterable[bytes], encoder: Encoder) -> Iterator[bytes]:
    # No `finally` around the end: an error in mid-stream must leave the body without a trailer.
    for chunk in chunks:
        if chunk:
            yield run(encoder.chunk, chunk)
    yield encoder.end()
