"""How a browser is told to save a file, or is let show it: RFC 6266."""

from __future__ import annotations

import re
from urllib.parse import quote

#: Types that a browser shows without running anything in them.
_INERT = re.compile(
    r"(audio|font|video)/[\w.+-]+|image/(?!svg)[\w.+-]+|text/(plain|csv)"
    r"|application/(pdf|json)"
)


def is_inert(content_type: str) -> bool:
    """Whether content of this type cannot act in the name of the site that serves it."""
    return _INERT.fullmatch(content_type.partition(";")[0].strip().lower()) is not None


def attachment(name: str) -> str:
    """The Content-Disposition of a file that is to be saved as ``name``.

    :raises ValueError: the name has control characters.
    """
    if not name or re.search(r"[\x00-\x1f\x7f]", name):
        raise ValueError(f"{name!r} is no name to save a file as")
    plain = name.encode("ascii", "replace").decode()
    quoted = re.sub(r'(["\\])', r"\\\1", plain)
    # Section 4.3: the first for old clients, the second for all others.
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{quoted}"{extended}'
