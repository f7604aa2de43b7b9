"""What may be said of a file beside its content."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from .driver import Visibility

#: Bytes of all metadata of a file: "Working with object metadata" in S3's user guide.
MAX_METADATA = 2048

# RFC 9110, section 8.3.1.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(\s*;\s*{_TOKEN}=({_TOKEN}|\"[ -~]*\"))*")
_CHARSET = re.compile(r";\s*charset\s*=", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?|")


def checked_type(content_type: str) -> str:
    """:raises ValueError: it is no MIME type."""
    if isinstance(content_type, str) and _TYPE.fullmatch(content_type):
        return content_type
    raise ValueError(f"{content_type!r} is no MIME type; write one like image/png")


def with_charset(content_type: str) -> str:
    """A type of text with its charset: UTF-8, where it names none.

    As Flask has it; browsers would take windows-1252. JSON knows no charset (RFC 8259, section
    11), and SVG, which is XML, is UTF-8 where nothing says otherwise.
    """
    if content_type.lower().startswith("text/") and not _CHARSET.search(content_type):
        return f"{content_type}; charset=utf-8"
    return content_type


def checked_size(name: str, size: Any) -> int | None:
    """:raises ValueError: it is neither a number of bytes nor None."""
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0):
        return size
    raise ValueError(f"{name}={size!r}: write a whole number of bytes, at least 0")


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as it travels in headers, names in lower case.

    :raises ValueError: a header cannot carry it, or there is too much of it.
    """
    for name, value in metadata.items():
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ValueError(f"metadata {name!r}: a name has letters, digits and - only")
        if not (isinstance(value, str) and _VALUE.fullmatch(value)):
            raise ValueError(f"metadata {name!r}: a value is ASCII text, without spaces around it")
    if sum(len(name) + len(value) for name, value in metadata.items()) > MAX_METADATA:
        raise ValueError(f"metadata has at most {MAX_METADATA} bytes")
    return {name.lower(): value for name, value in metadata.items()}


def checked_visibility(visibility: Any) -> Visibility | None:
    """:raises ValueError: it is neither public, private nor None."""
    if visibility is None or visibility in ("public", "private"):
        return visibility  # type: ignore[no-any-return]
    raise ValueError(f"visibility={visibility!r}: write 'public' or 'private'")


def is_allowed(content_type: str, types: Iterable[str]) -> bool:
    """Whether a type is among ``types``, in which ``image/*`` stands for all images."""
    if isinstance(types, str):
        raise TypeError("types is a list of MIME types")
    allowed = {name.lower() for name in types}
    return content_type in allowed or f"{content_type.partition('/')[0]}/*" in allowed


def same_type(sent: str, signed: str) -> bool:
    """Whether two MIME types are one, however they are written."""
    return sent.replace(" ", "").lower() == signed.replace(" ", "").lower()
