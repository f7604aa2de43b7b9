"""Files over HTTP: responses, and URLs to read and write them with."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import Flask
from flask import has_request_context
from flask import request
from flask import Response

from ..errors import Unavailable
from ..errors import Unsupported
from .disposition import attachment
from .disposition import is_inert
from .driver import FileInfo
from .driver import UploadTerms
from .links import Links
from .path import file_path
from .path import join
from .reader import Reader
from .signature import Leave
from .signature import lifetime
from .terms import checked_size
from .terms import checked_type
from .terms import with_charset
from .wrappers import Mount
from .writing import Writing

_RANGE = re.compile(r"\s*bytes\s*=\s*(?:\d+\s*-\s*\d*|-\s*(\d{1,18}))\s*", re.IGNORECASE)
#: How often a response is begun anew because its file was replaced meanwhile.
_ATTEMPTS = 20


class Serving(Writing):
    """The part of a disk that browsers meet.

    :param links: how the app serves files of drivers that have no URLs of their own.
    :param base: the directory of the disk ``name`` that this is, where it is only a part.
    :param serve: whether the app serves public files to everybody.
    """

    def __init__(
        self, app: Flask, name: str, mount: Mount, links: Links, serve: bool, base: str = ""
    ) -> None:
        super().__init__(app, name, mount)
        self.serve = serve
        self._links = links
        self._base = base

    def url(self, path: str) -> str:
        """Where everybody can read a file, once it is public.

        :raises Unsupported: this disk has no such URLs: ``serve`` and ``public_url`` are not set.
        """
        with self._operation("url", path):
            found = self.driver.url(file_path(path))
            if found is not None:
                return found
            if not self.serve:
                raise Unsupported("it has no public URLs: set serve or public_url, or sign one")
            return self._links.public(self.name, join(self._base, file_path(path)))

    def temporary_url(
        self, path: str, expires: float | timedelta, *, name: str | None = None
    ) -> str:
        """Where a file can be read for a while, by whoever has the URL.

        :param expires: seconds from now, 1 to 604 800, or a timedelta.
        :param name: what browsers save the file as, instead of showing it.
        :raises ConfigurationError: there is no key to sign with.
        """
        seconds = lifetime(expires)
        if name is not None:
            attachment(name)
        with self._operation("temporary_url", path):
            found = self.driver.temporary_url(file_path(path), seconds, name)
            if found is not None:
                return found
            leave = self._leave("GET", file_path(path), seconds, name=name or "")
            return self._links.signed(leave)

    def temporary_upload_url(
        self,
        path: str,
        expires: float | timedelta,
        content_type: str,
        max_bytes: int | None = None,
        *,
        size: int | None = None,
    ) -> dict[str, Any]:
        """How a browser can write a file by itself, for a while.

        :param expires: seconds from now, 1 to 604 800, or a timedelta.
        :param content_type: what it must send, exactly.
        :param max_bytes: the most it may send, where ``size`` is not known.
        :param size: the bytes it must send, exactly.
        :raises ValueError: an argument cannot be meant.
        :returns: ``url``, ``method`` and the ``headers`` to send with the file as the body; on
            S3, with ``max_bytes`` alone, the ``fields`` of a form to post, the file last; and above
            100 MiB ``urls`` for parts of ``part_size`` bytes, with an ``upload_id`` for
            :meth:`complete_upload`.
        """
        if size is None and max_bytes is None:
            raise TypeError("temporary_upload_url() needs size or max_bytes")
        for name, limit in (("size", size), ("max_bytes", max_bytes)):
            checked_size(name, limit)
        limits = UploadTerms(lifetime(expires), checked_type(content_type), size, max_bytes)
        with self._operation("temporary_upload_url", path):
            checked = file_path(path)
            found = self.driver.temporary_upload(checked, limits)
            if found is not None:
                return found
            kept = {"content_type": content_type, "size": size}
            kept |= {"max_bytes": max_bytes if size is None else None}
            url = self._links.signed(self._leave("PUT", checked, limits.seconds, **kept))
            return {"url": url, "method": "PUT", "headers": {"Content-Type": content_type}}

    def complete_upload(self, path: str, upload_id: str, size: int) -> None:
        """Put the parts together that a browser has uploaded.

        :param upload_id: as :meth:`temporary_upload_url` gave it.
        :param size: bytes of the whole.
        :raises Incomplete: parts are missing.
        """
        with self._operation("complete_upload", path):
            self.driver.complete_upload(file_path(path), upload_id, size)

    def abort_upload(self, path: str, upload_id: str) -> None:
        """Throw the parts away that a browser has uploaded."""
        with self._operation("abort_upload", path):
            self.driver.abort_upload(file_path(path), upload_id)

    def response(self, path: str) -> Response:
        """A response that shows a file: with ranges, an ETag, and nothing that could act.

        :raises NotFound: there is no such file; uncaught, it is a 404.
        """
        return self._respond(path, None)

    def download(self, path: str, name: str | None = None) -> Response:
        """A response that browsers save.

        :param name: as what; the file's own name by default.
        :raises NotFound: there is no such file; uncaught, it is a 404.
        """
        return self._respond(path, name or file_path(path).rpartition("/")[2])

    def _respond(self, path: str, name: str | None) -> Response:
        for _ in range(_ATTEMPTS):
            info = self.info(path)
            body = _Body(self, path)
            response = _described(Response(body), info)
            if name is not None:
                response.headers["Content-Disposition"] = attachment(name)
            elif not is_inert(info.content_type):
                response.headers["Content-Disposition"] = attachment(path.rpartition("/")[2])
            if has_request_context():
                response.make_conditional(
                    _with_one_range(request.environ, info.size),
                    accept_ranges=True,
                    complete_length=info.size,
                )
            # Another content than the headers tell of would be cut at their length.
            if not _has_body(response) or body.open(response) in (None, info.etag):
                return response
            body.close()
        with self._operation("response", path):
            raise Unavailable("it was replaced each time it was about to be sent")

    def _leave(self, method: str, path: str, seconds: int, **terms: Any) -> Leave:
        expires = int(time.time()) + seconds
        return Leave(method, self.name, join(self._base, path), expires, **terms)


def _described(response: Response, info: FileInfo) -> Response:
    response.content_type = with_charset(info.content_type)
    response.content_length = info.size
    response.last_modified = info.last_modified
    response.set_etag(info.etag)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # What a visitor uploaded must not act in the name of the site, even if it is shown.
    response.headers["Content-Security-Policy"] = "sandbox"
    return response


def _has_body(response: Response) -> bool:
    head = has_request_context() and request.method == "HEAD"
    return not head and response.status_code in (200, 206)


def _with_one_range(environ: dict[str, Any], size: int) -> dict[str, Any]:
    """The environ, without a Range that is to be ignored: of other units, or several at once.

    RFC 9110, section 14.2; werkzeug would answer with 416, as it would where more than all is
    asked for from the end, and would have one for HEAD.
    """
    asked = _RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    if asked is None or environ["REQUEST_METHOD"] != "GET":
        return {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
    if asked[1] is not None:
        return environ | {"HTTP_RANGE": f"bytes=-{min(int(asked[1]), size)}"}
    return environ


class _Body:
    """A file's content, or the range of it that a response is to have.

    Seekable, so that werkzeug takes a range from where it begins.
    """

    def __init__(self, disk: Writing, path: str) -> None:
        self._disk = disk
        self._path = path
        self._at = 0
        self._stream: Reader | None = None

    def open(self, response: Response) -> str | None:
        """The ETag of what will be sent, if the driver tells."""
        part = response.content_range
        start, stop = (part.start or 0, part.stop) if part else (0, None)
        length = None if stop is None else stop - start
        self._stream = self._disk.read_stream(self._path, start, length)
        return self._stream.etag

    def seekable(self) -> bool:
        return True

    def seek(self, at: int) -> int:
        """Where werkzeug begins to count; it is open from there."""
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._stream is None:
            raise StopIteration
        return next(self._stream)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
