"""Lua scripts by their digest, sent whole only to a server that does not know them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Script:
    """A script.

    :param text: Lua; it opens with the scheme of its keys.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def from_file(cls, path: Path) -> Script:
        return cls(path.read_text(encoding="utf-8"))

    def run(
        self, execute: Callable[..., Any], keys: Sequence[str], arguments: Sequence[Any]
    ) -> Any:
        """Run it once.

        :param execute: sends one command and returns its reply.
        """
        try:
            return execute("EVALSHA", self.sha, len(keys), *keys, *arguments)
        except _no_script_error():
            # A fail-over or SCRIPT FLUSH forgot it; nothing has run, so this cannot count twice.
            return execute("EVAL", self.text, len(keys), *keys, *arguments)

    def run_each(
        self,
        execute_each: Callable[[Sequence[Any]], list[Any]],
        calls: Sequence[tuple[Sequence[str], Sequence[Any]]],
    ) -> list[Any]:
        """Run it once for each of ``calls``, on the servers that hold their keys.

        :param execute_each: sends commands side by side; returns replies and exceptions.
        :param calls: keys, and arguments.
        :return: replies, and an exception in the place of one that failed.
        """
        tails = [(len(keys), *keys, *arguments) for keys, arguments in calls]
        replies = execute_each([("EVALSHA", self.sha, *tail) for tail in tails])
        unknown = [n for n, reply in enumerate(replies) if isinstance(reply, _no_script_error())]
        again = execute_each([("EVAL", self.text, *tails[n]) for n in unknown]) if unknown else []
        for n, reply in zip(unknown, again, strict=True):
            replies[n] = reply
        return replies


def _no_script_error() -> type[Exception]:
    from redis.exceptions import NoScriptError

    return NoScriptError
