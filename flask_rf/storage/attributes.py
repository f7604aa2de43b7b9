"""What a file system keeps of a file beside its content: extended attributes, as Linux has them."""

from __future__ import annotations

import errno
import os
import sys

#: The MIME type, under the name that freedesktop.org's "Common Extended Attributes" give it.
TYPE = "user.mime_type"
#: A JSON object.
METADATA = "user.flask_rf.metadata"


class NoAttributes(OSError):
    """The file has no such attribute, or its file system none at all."""


def read(file: int, name: str) -> bytes:
    """An attribute of an open file.

    :raises NoAttributes: it has none of this name.
    """
    if sys.platform != "linux":
        raise NoAttributes
    try:
        return os.getxattr(file, name)
    except OSError as error:
        raise NoAttributes(error.errno, error.strerror) from error


def write(file: int, name: str, value: bytes) -> None:
    """Set an attribute of an open file.

    :raises NoAttributes: the file system has no place for any.
    """
    if sys.platform != "linux":
        raise NoAttributes
    try:
        os.setxattr(file, name, value)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):
            raise NoAttributes(error.errno, error.strerror) from error
        raise
