"""What a request is answered with when a view does not catch a StorageError."""

from __future__ import annotations

from typing import Any

from flask import current_app
from werkzeug.exceptions import default_exceptions
from werkzeug.exceptions import HTTPException

from ..errors import StorageError


class InsufficientStorage(HTTPException):
    """507: RFC 4918, section 11.5, which werkzeug does not know."""

    code = 507
    description = "There is no space left for this file."


def answer(error: StorageError) -> Any:
    """The error's status, as a page of the app's own where it has one for that.

    What nobody but the operator can mend is raised on: a 500, and a traceback in the log.
    """
    if error.status == 500:
        raise error
    if error.status > 500:
        current_app.logger.error("%s", error, exc_info=error)
    kind = default_exceptions.get(error.status, InsufficientStorage)
    return current_app.handle_http_exception(kind())
