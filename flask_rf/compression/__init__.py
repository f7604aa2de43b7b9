"""Compressed responses: zstd, brotli and gzip, as each client takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Flask

from .. import hooks
from ..errors import ConfigurationError
from ..recipe import Recipe
from ..settings import resolve
from ..views import Marks
from .codecs import Codec
from .codecs import make_codec
from .compressor import Compressor
from .options import CompressOptions

__all__ = ["Compress", "Compressor", "CompressOptions"]

V = TypeVar("V")

#: The attribute of a view that says whether it is compressed.
_MARK = "_rf_compressed"


class Compress(Recipe[Compressor]):
    """Compress what an app sends::

        compress = Compress(app)

        @app.get("/token")
        @compress.exempt
        def token(): ...

    Options are the fields of :class:`CompressOptions`.
    """

    name = "compression"
    options = CompressOptions

    def compile(self, app: Flask) -> Compressor:
        options = resolve(app, CompressOptions, self.given)
        compressor = Compressor(options, _codecs(options), Marks(app, _MARK))
        hooks.place(app, "compression", before=compressor.before, after=compressor.after)
        return compressor

    def compressed(self) -> Callable[[V], V]:
        """Decorate a view, a class of views or a blueprint to be compressed where
        ``COMPRESS_REGISTER`` is false.
        """
        return lambda view: _mark(view, True)

    def exempt(self, view: V) -> V:
        """Decorate a view, a class of views or a blueprint never to be compressed: what echoes
        input beside a secret.
        """
        return _mark(view, False)


def _mark(view: V, compressed: bool) -> V:
    setattr(view, _MARK, compressed)
    return view


def _codecs(options: CompressOptions) -> list[Codec]:
    """The codecs of the codings whose library is installed."""
    found = []
    for coding in options.algorithm:
        try:
            found.append(make_codec(coding, options.level_of(coding)))
        except ImportError:
            continue
    if not found:
        raise ConfigurationError(
            "COMPRESS_ALGORITHM", options.algorithm, "install flask-rf[zstd], or name br or gzip"
        )
    return found
