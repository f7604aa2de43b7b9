"""The settings of compression."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from flask import Flask

from .. import kinds
from ..settings import Options
from ..settings import setting
from .codecs import CODINGS


def codings(raw: Any) -> tuple[str, ...]:
    """The kind of setting that ranks content codings."""
    named = tuple(name.strip().lower() for name in kinds.strings(raw))
    if named and set(named) <= set(CODINGS) and len(set(named)) == len(named):
        return named
    raise ValueError(f"write some of {', '.join(CODINGS)}, each once, best first")


def _media_types(raw: Any) -> tuple[str, ...]:
    types = kinds.strings(raw)
    for each in types:
        if not re.fullmatch(r"\*|[^\s/;]+/[^\s/;]+", each):
            raise ValueError(
                f"{each!r:.80} is no media type; write some like application/json, text/*"
            )
    return types


def _zlib_level(app: Flask) -> int:
    # zlib-ng's 5 shrinks JSON as zlib's 6 does, in half its time: benchmarks/http.py.
    return 5 if importlib.util.find_spec("zlib_ng") else 6


_FLASK_COMPRESS = {
    "COMPRESS_CACHE_BACKEND": "write COMPRESS_CACHE_SIZE, bytes that are kept in memory",
    "COMPRESS_CACHE_KEY": "write COMPRESS_CACHE_SIZE, a body is known by itself",
}


@dataclass(frozen=True)
class CompressOptions(Options):
    prefix: ClassVar[str] = "COMPRESS_"
    foreign_settings: ClassVar[Mapping[str, str]] = _FLASK_COMPRESS

    algorithm: tuple[str, ...] = setting(
        codings, ("zstd", "br", "gzip"), doc="Codings offered, best first, as far as installed."
    )
    mimetypes: tuple[str, ...] | None = setting(
        kinds.optional(_media_types),
        doc="Media types or patterns (text/*) to compress, instead of every type that shrinks.",
    )
    min_size: int = setting(kinds.whole(), 500, doc="Bytes below which a body is left alone.")
    level: int = setting(
        kinds.whole(1, 9), derive=_zlib_level, doc="Level of gzip and deflate; 6, of zlib-ng 5."
    )
    br_level: int = setting(kinds.whole(0, 11), 4, doc="Level of brotli.")
    # From level 20 on the window exceeds the 8 MB clients must support (RFC 9659).
    zstd_level: int = setting(kinds.whole(1, 19), 3, doc="Level of zstd.")
    streams: bool = setting(kinds.boolean, True, doc="Compress streamed bodies, chunk by chunk.")
    register: bool = setting(
        kinds.boolean, True, doc="Compress every view, not only those marked compressed()."
    )
    strict: bool = setting(
        kinds.boolean, True, doc="Answer 406 to a request that refuses identity and all we offer."
    )
    cross_site_cookies: bool = setting(
        kinds.boolean,
        True,
        doc="Compress for cross-site requests with cookies, from which BREACH reads secrets.",
    )
    precompressed: bool = setting(
        kinds.boolean, True, doc="Serve app.js.br, .zst or .gz beside a static app.js."
    )
    cache_size: int = setting(
        kinds.whole(), 8 * 1024 * 1024, doc="Bytes of compressed bodies to keep; 0 for none."
    )

    def level_of(self, coding: str) -> int:
        return {"zstd": self.zstd_level, "br": self.br_level}.get(coding, self.level)
