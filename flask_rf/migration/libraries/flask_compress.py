"""Flask-Compress 1."""

from __future__ import annotations

from ..library import differs
from ..library import Library
from ..library import missing
from ..library import not_needed
from ..library import renamed
from ..library import same

_BROTLI = "Brotli's window and mode are the ones that suit responses."
_CACHE = "Bodies that repeat are compressed once; say how many bytes may be kept, 0 for none."
_CONDITIONAL = "A view that sets an ETag calls response.make_conditional(request) itself."
_STREAMS = "Streams are compressed with the same codings as all else."
_TYPES = "By default every type that shrinks."
_MIMETYPES = [
    *(f"text/{kind}" for kind in ("html", "css", "plain", "xml", "x-component", "javascript")),
    *(f"application/{kind}" for kind in ("x-javascript", "javascript", "json", "manifest+json")),
    *(f"application/{kind}" for kind in ("vnd.api+json", "xml", "xhtml+xml", "rss+xml")),
    *(f"application/{kind}" for kind in ("atom+xml", "vnd.ms-fontobject", "x-font-ttf")),
    *(f"application/{kind}" for kind in ("x-font-opentype", "x-font-truetype")),
    *(f"image/{kind}" for kind in ("svg+xml", "x-icon", "vnd.microsoft.icon")),
    *(f"font/{kind}" for kind in ("ttf", "eot", "otf", "opentype")),
]

FLASK_COMPRESS = Library(
    name="Flask-Compress",
    module="flask_compress",
    section="from-flask-compress",
    settings={
        "COMPRESS_ALGORITHM": same(
            "COMPRESS_ALGORITHM",
            "As a list, best first.",
            default=["zstd", "br", "gzip", "deflate"],
        ),
        "COMPRESS_ALGORITHM_STREAMING": not_needed(_STREAMS, default=["zstd", "br", "deflate"]),
        "COMPRESS_MIMETYPES": same("COMPRESS_MIMETYPES", _TYPES, default=_MIMETYPES),
        "COMPRESS_LEVEL": same("COMPRESS_LEVEL", default=6),
        "COMPRESS_BR_LEVEL": same("COMPRESS_BR_LEVEL", default=4),
        "COMPRESS_ZSTD_LEVEL": same("COMPRESS_ZSTD_LEVEL", default=3),
        "COMPRESS_DEFLATE_LEVEL": renamed("COMPRESS_LEVEL", default=-1),
        "COMPRESS_MIN_SIZE": same("COMPRESS_MIN_SIZE", default=500),
        "COMPRESS_REGISTER": same("COMPRESS_REGISTER", default=True),
        "COMPRESS_STREAMS": same("COMPRESS_STREAMS", default=True),
        "COMPRESS_BR_MODE": not_needed(_BROTLI, default=0),
        "COMPRESS_BR_WINDOW": not_needed(_BROTLI, default=22),
        "COMPRESS_BR_BLOCK": not_needed(_BROTLI, default=0),
        "COMPRESS_CACHE_KEY": differs("COMPRESS_CACHE_SIZE", _CACHE),
        "COMPRESS_CACHE_BACKEND": differs("COMPRESS_CACHE_SIZE", _CACHE),
        "COMPRESS_EVALUATE_CONDITIONAL_REQUEST": missing(_CONDITIONAL, default=True),
        "COMPRESS_STREAMING_ENDPOINT_CONDITIONAL": not_needed(_CONDITIONAL, default=["static"]),
    },
    imports={
        "flask_compress.Compress": same("flask_rf.Compress"),
        "flask_compress.DictCache": differs("COMPRESS_CACHE_SIZE", _CACHE),
        "flask_compress.CacheBackend": differs("COMPRESS_CACHE_SIZE", _CACHE),
    },
    keywords={"Compress": {"app": same("app")}},
)
