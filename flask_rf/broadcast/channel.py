"""Channel names, their kinds, and the patterns that authorisation callbacks are written for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_NAME = 200

_NAME = re.compile(r"#?[-a-zA-Z0-9_=@,.;]{1,200}")
_PLACEHOLDER = re.compile(r"\{([a-zA-Z_]\w*)\}")

# Longest first: the first prefix that fits is the channel's kind.
_KINDS = (
    "private-encrypted-cache-",
    "private-encrypted-",
    "private-cache-",
    "presence-cache-",
    "private-",
    "presence-",
    "cache-",
)
_SERVER_TO_USER = "#server-to-user-"

#: Ours alone, never joined by clients: a user's coming and going, for those who follow them.
ONLINE = "#online-"
#: Ours alone: what one server tells all of them.
CONTROL = "#control"


class InvalidChannel(ValueError):
    """A channel name outside the rules; the message names the rule."""


@dataclass(frozen=True)
class Channel:
    """A channel, taken apart.

    :param name: the whole name, as on the wire.
    :param kind: its prefix with the hyphen, ``""`` for a plain public channel.
    :param base: the name without its kind.
    """

    name: str
    kind: str
    base: str

    @property
    def guarded(self) -> bool:
        """Whether joining needs a signature."""
        return self.kind.startswith(("private-", "presence-"))

    @property
    def presence(self) -> bool:
        return self.kind.startswith("presence-")

    @property
    def cached(self) -> bool:
        """Whether the last event is kept for those who come later."""
        return self.kind.endswith("cache-")

    @property
    def encrypted(self) -> bool:
        return self.kind.startswith("private-encrypted-")


@lru_cache(maxsize=4096)
def parse_channel(name: str) -> Channel:
    """Take a channel name apart.

    :raises InvalidChannel: too long, empty, or a character outside ``-a-zA-Z0-9_=@,.;``.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidChannel(
            f"a channel name has 1 to {MAX_NAME} letters, digits or any of -_=@,.; and not {name!r}"
        )
    if name.startswith("#"):
        if not name.startswith(_SERVER_TO_USER):
            raise InvalidChannel(f"only {_SERVER_TO_USER}… may begin with #, not {name!r}")
        return Channel(name, _SERVER_TO_USER, name.removeprefix(_SERVER_TO_USER))
    kind = next((prefix for prefix in _KINDS if name.startswith(prefix)), "")
    return Channel(name, kind, name.removeprefix(kind))


def tells_its_size(name: str) -> bool:
    """Whether subscribers of a channel may be told how many they are.

    Members of presence channels know; ours and users' own channels have no audience.
    """
    return not name.startswith(("presence-", "#"))


class Pattern:
    """``"private-orders.{order_id}"``: which channels a callback decides on.

    With a kind's prefix it covers that kind only; without one it covers private,
    presence and encrypted channels alike. ``{x}`` matches anything but a dot.

    :param public: whether it is for public channels as well.
    :raises InvalidChannel: the text could match no channel.
    """

    def __init__(self, text: str, *, public: bool = False) -> None:
        self.text = text
        sample = _PLACEHOLDER.sub("x", text)
        channel = parse_channel(sample)
        if channel.kind == "cache-" and not public:
            raise InvalidChannel(f"{text!r} is public: nobody asks for leave to join it")
        self._kind = channel.kind
        parts = _PLACEHOLDER.split(text.removeprefix(channel.kind))
        self.names = tuple(parts[1::2])
        if len(set(self.names)) != len(self.names):
            raise InvalidChannel(f"{text!r} names a placeholder twice")
        regex = "".join(
            f"(?P<{part}>[^.]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
        self._regex = re.compile(regex)

    def match(self, channel: Channel) -> dict[str, str] | None:
        """The placeholders' values, or None where the pattern does not cover the channel."""
        if self._kind and channel.kind != self._kind:
            return None
        found = self._regex.fullmatch(channel.base)
        return found.groupdict() if found else None
