"""Paths within a disk: checked once, at the door, whichever driver is behind it.

A path is relative, its parts are divided by ``/``, and it means the same file on every
disk. Superfluous slashes and dots are normalised away; what could mean another place
somewhere (``..``, a root, a backslash, a NUL) is refused, never stripped: what is left of
``..././`` after stripping ``../`` is ``../``.
"""

from __future__ import annotations

import os
import re
from typing import Any

from ..errors import InvalidPath

#: Bytes of a key on S3: "Creating object key names" in its user guide.
MAX_BYTES = 1024
#: Bytes of one part: NAME_MAX of Linux's file systems.
MAX_PART_BYTES = 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DRIVE = re.compile(r"[A-Za-z]:")
_ABSOLUTE = "paths are relative to the disk"


def file_path(raw: Any) -> str:
    """The normal form of a file's path.

    :param raw: text, or a path object of Python's.
    :raises InvalidPath: it is no path of a file.
    :raises TypeError: it is neither text nor a path object.
    """
    path = directory_path(raw)
    if not path:
        raise _invalid(raw, "a file needs a name")
    if os.fspath(raw).endswith("/"):
        raise _invalid(raw, "a file's path does not end in /")
    return path


def directory_path(raw: Any) -> str:
    """The normal form of a directory's path; ``""`` is the whole disk.

    :raises InvalidPath: it is no path of a directory.
    :raises TypeError: it is neither text nor a path object.
    """
    text = os.fspath(raw)
    if not isinstance(text, str):
        raise TypeError(f"a path is text, not {type(text).__name__}")
    fault = _fault(text)
    if fault:
        raise _invalid(text, fault)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _invalid(text, ".. leads elsewhere")
    if parts and _DRIVE.match(parts[0]):
        raise _invalid(text, _ABSOLUTE)
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        raise _invalid(text, f"a name has at most {MAX_PART_BYTES} bytes")
    return "/".join(parts)


def is_file_path(text: str) -> bool:
    """Whether ``text`` is a file's path in its normal form."""
    try:
        return file_path(text) == text
    except InvalidPath:
        return False


def join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _fault(text: str) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "it is not valid UTF-8"
    if size > MAX_BYTES:
        return f"a path has at most {MAX_BYTES} bytes"
    if _CONTROL.search(text):
        return "it has control characters"
    if "\\" in text:
        return "parts are divided by /, not by a backslash"
    if text.startswith("/"):
        return _ABSOLUTE
    return ""


def _invalid(raw: Any, fault: str) -> InvalidPath:
    error = InvalidPath(fault)
    error.path = os.fspath(raw)[:MAX_BYTES]
    return error
