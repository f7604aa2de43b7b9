"""Entity tags of encoded bodies: RFC 9110, section 8.8.3.

Encoded bytes are another representation, so a strong tag gets the coding as a suffix:
``"abc"`` becomes ``"abc:br"``. Views never see it: it comes off the conditional headers
on the way in. A weak tag says "equivalent", which the encoded body is.
"""

from __future__ import annotations

import re
from typing import Any

from .codecs import CODINGS

#: In the environ: If-None-Match as the client sent it, where a suffix was taken off.
SUFFIXED_TAGS = "flask_rf.compression.suffixed_tags"

_SUFFIX = re.compile(f':(?:{"|".join(CODINGS)})"')


def with_suffix(etag: str, coding: str) -> str:
    """The tag of the body that ``etag`` names, encoded as ``coding``."""
    return f'{etag[:-1]}:{coding}"' if etag.startswith('"') else etag


def without_suffixes(tags: str) -> str:
    """A list of tags as the view knows them. Every coding counts, whichever are offered now."""
    return _SUFFIX.sub('"', tags)


def strip_conditions(environ: dict[str, Any]) -> None:
    """Take the suffix off the conditional headers of a request."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None and _SUFFIX.search(tags):
        environ[SUFFIXED_TAGS] = tags
        environ["HTTP_IF_NONE_MATCH"] = without_suffixes(tags)
    if "HTTP_IF_MATCH" in environ:
        environ["HTTP_IF_MATCH"] = without_suffixes(environ["HTTP_IF_MATCH"])
    # The client holds encoded bytes, and ranges are of plain ones: the condition is false, so
    # Range is ignored (section 13.1.5). Comparing plain tags would mix the two.
    if "HTTP_IF_RANGE" in environ and _SUFFIX.search(environ["HTTP_IF_RANGE"]):
        del environ["HTTP_IF_RANGE"]
        environ.pop("HTTP_RANGE", None)
