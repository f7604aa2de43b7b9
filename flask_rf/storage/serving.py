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

from ..errors import Unsupported
from .disposition import attachment
from .disposition import is_inert
from .driver import UploadTerms
from .links import Links
from .path import file_path
from .path import join
from .reader import Reader
from .signature import Leave
from .signature import lifetime
from .terms import checked_type
from .wrappers import Mount
from .writing import Writing

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d+\s*-\s*\d*|-\s*\d+)\s*", re.IGNORECASE)


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
        :returns: ``url``, ``method`` and the ``headers`` to send with the file as the body; on
            S3, with ``max_bytes`` alone, the ``fields`` of a form to post, the file last; and above
            100 MiB ``urls`` for parts of ``part_size`` bytes, with an ``upload_id`` for
            :meth:`complete_upload`.
        """
        if size is None and max_bytes is None:
            raise TypeError("temporary_upload_url() needs size or max_bytes")
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
        info = self.info(path)
        body = _Body(self, path, info.size)
        response = Response(body, content_type=info.content_type)
        response.content_length = info.size
        response.last_modified = info.last_modified
        response.set_etag(info.etag)
        response.headers["X-Content-Type-Options"] = "nosniff"
        # What a visitor uploaded must not act in the name of the site, even if it is shown.
        response.headers["Content-Security-Policy"] = "sandbox"
        if name is not None:
            response.headers["Content-Disposition"] = attachment(name)
        elif not is_inert(info.content_type):
            response.headers["Content-Disposition"] = attachment(path.rpartition("/")[2])
        if has_request_context():
            response.make_conditional(
                _with_one_range(request.environ), accept_ranges=True, complete_length=info.size
            )
        return response

    def _leave(self, method: str, path: str, seconds: int, **terms: Any) -> Leave:
        expires = int(time.time()) + seconds
        return Leave(method, self.name, join(self._base, path), expires, **terms)


def _with_one_range(environ: dict[str, Any]) -> dict[str, Any]:
    """The environ, without a Range that is to be ignored: of other units, or several at once.

    RFC 9110, section 14.2; werkzeug would answer with 416.
    """
    if _RANGE.fullmatch(environ.get("HTTP_RANGE", "")):
        return environ
    return {name: value for name, value in environ.items() if name != "HTTP_RANGE"}


class _Body:
    """A file's content, opened when the first byte is wanted: not for HEAD and 304.

    Seekable, so that werkzeug takes a range from where it begins.
    """

    def __init__(self, disk: Writing, path: str, size: int) -> None:
        self._disk = disk
        self._path = path
        self._size = size
        self._at = 0
        self._stream: Reader | None = None

    def seekable(self) -> bool:
        return True

    def seek(self, at: int) -> int:
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._stream is None:
            self._stream = self._disk.read_stream(self._path, self._at)
        piece = next(self._stream)
        self._at += len(piece)
        return piece

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
