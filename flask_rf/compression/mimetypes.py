"""Which media types shrink."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache

_TEXTUAL = re.compile(r"text/.+|.+\+(?:json|xml|text)")

# Types outside the patterns that the media type database calls compressible; archives,
# disk images and every image but SVG are left as they are.
_OTHERS = frozenset(
    """
    application/dart application/ecmascript application/graphql application/javascript
    application/json application/jsonl application/postscript application/raml+yaml
    application/rtf application/sql application/toml application/vnd.dart
    application/vnd.ms-fontobject application/vnd.ms-opentype application/wasm
    application/x-httpd-php application/x-javascript application/x-ndjson
    application/x-ns-proxy-autoconfig application/x-sh application/x-www-form-urlencoded
    application/x-yaml application/xml application/xml-dtd application/yaml
    font/otf font/ttf message/rfc822 model/gltf-binary x-shader/x-fragment x-shader/x-vertex
    """.split()
)

# Some proxies and clients hold back or misread encoded events: only by name, never by pattern.
_EVENT_STREAM = "text/event-stream"

_MEMO_SIZE = 512


def is_compressible(mimetype: str) -> bool:
    """Whether bodies of this type (lower case, without parameters) are worth compressing."""
    if mimetype == _EVENT_STREAM:
        return False
    return mimetype in _OTHERS or _TEXTUAL.fullmatch(mimetype) is not None


def eligibility(patterns: tuple[str, ...] | None) -> Callable[[str | None], bool]:
    """The test of a Content-Type header, its answers remembered.

    :param patterns: types or patterns such as ``text/*`` in place of :func:`is_compressible`.
    """
    wanted = None if patterns is None else tuple(pattern.lower() for pattern in patterns)

    @lru_cache(_MEMO_SIZE)
    def eligible(content_type: str | None) -> bool:
        mimetype = (content_type or "").partition(";")[0].strip().lower()
        if wanted is None or mimetype == _EVENT_STREAM:
            return is_compressible(mimetype) or mimetype in (wanted or ())
        return any(fnmatchcase(mimetype, pattern) for pattern in wanted)

    return eligible
