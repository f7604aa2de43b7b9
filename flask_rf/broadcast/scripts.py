"""The browser's scripts, as they are served: without their comments."""

from __future__ import annotations

import re
from importlib import resources

#: Our own client, and what gives pusher-js and Laravel Echo recovery.
NAMES = ("rf.js", "pusher-recovery.js")

#: A comment that has its lines to itself. One that shares a line with code stays: to tell it
#: from a text that looks like one would need a parser of the language.
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*(?:(?!\*/)[\s\S])*\*/[ \t]*)$", re.MULTILINE)


def served(name: str) -> bytes:
    """A script of ``client/`` for browsers."""
    source = resources.files(__package__).joinpath(f"client/{name}").read_text(encoding="utf-8")
    return without_comments(source).encode()


def without_comments(source: str) -> str:
    """``source`` with empty lines in place of its comments, so that lines keep their numbers.

    Its texts must not go over several lines: what looks like a comment in one would be lost.
    """
    return _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source)
