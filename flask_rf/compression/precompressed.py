"""Static files compressed at build time: ``app.js.br`` is sent for ``app.js``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO

from flask import current_app
from flask import request
from flask import Response
from werkzeug.security import safe_join
from werkzeug.wsgi import wrap_file

from .headers import mark_encoded

_EXTENSIONS = {"zstd": ".zst", "br": ".br", "gzip": ".gz"}


def substitute(response: Response, codings: Sequence[str]) -> None:
    """Send the best sibling of the static file in ``response``, if there is one.

    :param codings: what the client takes, best first.
    """
    path = _static_path()
    if path is None:
        return
    for coding in codings:
        sibling = path + _EXTENSIONS.get(coding, "")
        file = _opened(sibling, path) if sibling != path else None
        if file is not None:
            _send(response, file)
            mark_encoded(response, coding)
            return


def _static_path() -> str | None:
    endpoint, arguments = request.endpoint or "", request.view_args or {}
    if endpoint.rpartition(".")[2] != "static" or "filename" not in arguments:
        return None
    owner = current_app.blueprints[request.blueprint] if request.blueprint else current_app
    return owner.static_folder and safe_join(owner.static_folder, arguments["filename"])


def _opened(sibling: str, path: str) -> BinaryIO | None:
    """``sibling``, if it is a file made after the last change of ``path`` and can be read.

    Whole seconds count: archives and some file systems keep no more.
    """
    try:
        made, changed = os.path.getmtime(sibling), os.path.getmtime(path)
        is_current = int(made) >= int(changed) and os.path.isfile(sibling)
        return open(sibling, "rb") if is_current else None
    except OSError:
        return None


def _send(response: Response, file: BinaryIO) -> None:
    if hasattr(response.response, "close"):
        response.response.close()
    response.response = wrap_file(request.environ, file)
    response.content_length = os.fstat(file.fileno()).st_size
