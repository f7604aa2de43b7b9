"""Compression compiled for one app; its methods are the app's request functions."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import abort
from flask import Request
from flask import Response

from .. import hooks
from ..views import Marks
from . import precompressed
from .accept_encoding import Choice
from .accept_encoding import Negotiator
from .breach import is_risky
from .cache import CompressedCache
from .codecs import Codec
from .codecs import run
from .etags import strip_conditions
from .etags import SUFFIXED_TAGS
from .etags import with_suffix
from .headers import has_directive
from .headers import mark_encoded
from .headers import may_transform
from .mimetypes import eligibility
from .options import CompressOptions
from .stream import CompressedStream

_VARY = ("Accept-Encoding",)
#: Those without a body, and partial ones.
_UNTOUCHED = frozenset({*range(100, 200), 204, 205, 206})


class Compressor:
    """Compresses one app's responses.

    :param codecs: those that can be used, best first.
    :param marks: whether a view is compressed, whatever COMPRESS_REGISTER says.
    """

    def __init__(self, options: CompressOptions, codecs: Sequence[Codec], marks: Marks) -> None:
        self.options = options
        self.cache = CompressedCache(options.cache_size)
        self._codecs = {codec.coding: codec for codec in codecs}
        self._marks = marks
        self._register = options.register
        self._least = max(1, options.min_size)
        self._choose = Negotiator(tuple(self._codecs))
        self._choose_file = Negotiator(options.algorithm)
        self._is_eligible = eligibility(options.mimetypes)

    def before(self) -> None:
        environ = hooks.current_request().environ
        choice = self._choose(environ.get("HTTP_ACCEPT_ENCODING"))
        nothing_fits = not choice.codings and not choice.identity
        # Not after the view, which would have done what the client is told it did not.
        if nothing_fits and self.options.strict and not _is_websocket(environ):
            abort(406)
        strip_conditions(environ)

    def after(self, response: Response) -> Response:
        asked = hooks.current_request()
        headers = {name.lower(): value for name, value in response.headers}
        if self._is_eligible(headers.get("content-type")) and self._concerns(asked):
            if may_transform(response, headers):
                hooks.add_headers(asked, response, {}, _VARY)
                if "content-range" not in headers:
                    self._encode(asked, response, headers.get("content-length"))
        return response

    def _concerns(self, asked: Request) -> bool:
        if "HTTP_UPGRADE" in asked.environ and _is_websocket(asked.environ):
            return False
        marked: bool | None = self._marks.of(asked.endpoint, asked.method)
        return self._register if marked is None else marked

    def _encode(self, asked: Request, response: Response, length: str | None) -> None:
        accepted, status = asked.environ.get("HTTP_ACCEPT_ENCODING"), response.status_code
        if status in _UNTOUCHED:
            return
        if response.direct_passthrough:
            if self.options.precompressed:
                precompressed.substitute(response, self._choose_file(accepted).codings)
            return
        choice = self._choose(accepted)
        if not choice.codings:
            return
        if not self.options.cross_site_cookies and is_risky(asked.environ):
            return
        is_worth = self._is_worth(response, choice, length)
        if asked.method == "HEAD" or status == 304:
            if is_worth or _names_encoded(asked, response, choice.codings[0]):
                _describe(response, choice.codings[0])
        elif is_worth:
            encode = self._encode_body if response.is_sequence else self._encode_stream
            encode(response, choice)

    def _is_worth(self, response: Response, choice: Choice, written: str | None) -> bool:
        """Whether the body has bytes enough.

        :param written: the Content-Length, where the response says it.
        """
        length: int | None = None
        if written is not None and written.isdecimal():
            length = int(written)
        elif response.is_sequence:
            length = response.calculate_content_length()
        if length is not None and length < (self._least if choice.identity else 1):
            return False
        return self.options.streams or response.is_sequence

    def _encode_stream(self, response: Response, choice: Choice) -> None:
        codec = self._codecs[choice.codings[0]]
        response.response = CompressedStream(
            response.iter_encoded(), response.response, codec.encoder()
        )
        response.headers.pop("Content-Length", None)
        mark_encoded(response, codec.coding)

    def _encode_body(self, response: Response, choice: Choice) -> None:
        body = response.get_data()
        codec = self._codecs[choice.codings[0]]
        encoded = self._compress(body, codec, keep=not has_directive(response, "no-store"))
        if len(encoded) < len(body) or not choice.identity:
            response.set_data(encoded)
            response.content_length = len(encoded)
            mark_encoded(response, codec.coding)

    def _compress(self, body: bytes, codec: Codec, keep: bool) -> bytes:
        if not keep or len(body) > self.cache.capacity:
            return run(codec.compress, body)
        key = run(partial(self.cache.key, codec), body)
        encoded = self.cache.get(key)
        if encoded is None:
            encoded = run(codec.compress, body)
            self.cache.put(key, encoded)
        return encoded


def _describe(response: Response, coding: str) -> None:
    """Give a HEAD or 304 the headers of the GET, without the length nobody has worked out.

    The coding is announced also where a GET finds that the body does not shrink: to know
    that it would have to be encoded (RFC 9110 section 9.3.2 asks for less than that).
    """
    mark_encoded(response, coding)
    response.headers.pop("Content-Length", None)
    response.automatically_set_content_length = False


def _is_websocket(environ: Mapping[str, Any]) -> bool:
    upgrade = environ.get("HTTP_UPGRADE")
    return upgrade is not None and upgrade.lower() == "websocket"


def _names_encoded(asked: Request, response: Response, coding: str) -> bool:
    """Whether a 304 without a body answers a client that holds the body encoded as ``coding``."""
    if response.status_code != 304:
        return False
    etag = response.headers.get("ETag")
    tags = asked.environ.get(SUFFIXED_TAGS)
    return etag is not None and tags is not None and with_suffix(etag, coding) in tags
