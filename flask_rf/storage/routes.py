"""The route under which an app serves and takes files of disks without URLs of their own."""

from __future__ import annotations

from typing import NoReturn

from flask import abort
from flask import request
from flask import Response
from werkzeug.wsgi import get_input_stream

from ..blueprints import EveryHost
from ..errors import Incomplete
from ..errors import NotFound
from .disk import Disk
from .disks import Disks
from .path import is_file_path
from .signature import Leave
from .signature import read_query
from .terms import same_type

NAME = "rf_storage"


def make_blueprint(disks: Disks, url_prefix: str) -> EveryHost:
    """``<url_prefix>/<disk>/<path>``: GET and HEAD to read, PUT to write."""
    blueprint = EveryHost(NAME, __name__, url_prefix=url_prefix)
    views = _Views(disks)
    blueprint.add_url_rule("/<disk>/<path:path>", "file", views.file, methods=["GET", "PUT"])
    return blueprint


class _Views:
    def __init__(self, disks: Disks) -> None:
        self._disks = disks

    def file(self, disk: str, path: str) -> Response:
        """Whatever is wrong with a URL is a 404: strangers learn of no file by trying."""
        found = self._disks.find(disk)
        if found is None or not is_file_path(path):
            abort(404)
        signed = "signature" in request.args
        leave = self._leave(disk, path) if signed else None
        if request.method == "PUT":
            return self._take(found, leave or _not_found())
        if signed:
            return _serve_signed(found, leave or _not_found())
        return _serve_public(found, path)

    def _leave(self, disk: str, path: str) -> Leave | None:
        """What the URL allows, if it is signed and has not expired."""
        method = "PUT" if request.method == "PUT" else "GET"
        query = request.args.to_dict()
        leave = read_query(method, disk, path, query)
        if leave is None or not self._disks.links.allow(leave, query["signature"]):
            return None
        return leave

    def _take(self, disk: Disk, leave: Leave) -> Response:
        if not same_type(request.headers.get("Content-Type", ""), leave.content_type):
            abort(415, f"this URL takes {leave.content_type} only")
        most = leave.size if leave.size is not None else leave.max_bytes
        if most is None:
            _not_found()
        if (request.content_length or 0) > most:
            abort(413)
        disk.put(
            leave.path,
            _Upload(),
            content_type=leave.content_type,
            # To gunicorn the end of a connection is the end of a body, announced or not.
            size=leave.size if leave.size is not None else request.content_length,
            max_bytes=most,
        )
        return Response(status=200)


class _Upload:
    """The request's body.

    Not the request's own stream: the leave is the limit here, not MAX_CONTENT_LENGTH.
    """

    def __init__(self) -> None:
        self._stream = get_input_stream(request.environ)

    def read(self, size: int) -> bytes:
        """:raises Incomplete: the client went away in the middle."""
        try:
            return self._stream.read(size)
        except OSError as error:
            raise Incomplete("the connection was cut") from error


def _serve_signed(disk: Disk, leave: Leave) -> Response:
    response = disk.download(leave.path, leave.name) if leave.name else disk.response(leave.path)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _serve_public(disk: Disk, path: str) -> Response:
    try:
        if not disk.serve or disk.visibility(path) != "public":
            _not_found()
        response = disk.response(path)
    except NotFound:
        _not_found()
    response.headers["Cache-Control"] = "public, no-cache"
    return response


def _not_found() -> NoReturn:
    abort(404)
