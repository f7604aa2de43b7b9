"""Which content codings a client takes: RFC 9110, section 12.5.3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# The grammar allows no white space around "=", but a refusal must not be missed for a blank.
_ELEMENT = re.compile(
    r"([!#$%&'*+.^_`|~0-9a-z-]+)"
    r"(?:[ \t]*;[ \t]*q[ \t]*=[ \t]*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?",
    re.IGNORECASE | re.ASCII,
)
_ALIASES = {"x-gzip": "gzip"}

_MEMO_SIZE = 256  # headers
_MEMO_WIDTH = 256  # characters; a longer header is nobody's twice


@dataclass(frozen=True)
class Choice:
    """What may be sent.

    :param codings: the offered codings the client likes no less than identity, best first.
    :param identity: whether it takes a body that is not encoded.
    """

    codings: tuple[str, ...]
    identity: bool


def parse(header: str) -> dict[str, float]:
    """The weight of each coding the header names; malformed elements are left out.

    Of a coding named twice the lower weight counts, so that a refusal stands.
    """
    weights: dict[str, float] = {}
    for element in header.split(","):
        match = _ELEMENT.fullmatch(element.strip(" \t"))
        if match is None:
            continue
        name = match[1].lower()
        name = _ALIASES.get(name, name)
        weights[name] = min(float(match[2] or 1), weights.get(name, 1))
    return weights


def choose(header: str | None, offered: Sequence[str]) -> Choice:
    """Rank ``offered`` by the client's weights; equal weights keep the server's order.

    :param header: the value of Accept-Encoding. Without one RFC 9110 allows any coding;
        such a client has not said that it can decode, and is sent identity.
    """
    weights = parse(header or "")
    rest = weights.get("*", 0.0)
    identity = weights.get("identity", weights.get("*"))
    ranked = sorted(offered, key=lambda coding: -weights.get(coding, rest))
    return Choice(
        tuple(c for c in ranked if 0 < weights.get(c, rest) >= (identity or 0)),
        identity != 0,
    )


class Negotiator:
    """:func:`choose` for one set of codings, its answers remembered in bounds."""

    def __init__(self, offered: Sequence[str]) -> None:
        self.offered = tuple(offered)
        self._remembered = lru_cache(_MEMO_SIZE)(self._choose)

    def __call__(self, header: str | None) -> Choice:
        if header is not None and len(header) > _MEMO_WIDTH:
            return self._choose(header)
        return self._remembered(header)

    def _choose(self, header: str | None) -> Choice:
        return choose(header, self.offered)
