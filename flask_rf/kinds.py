"""What a setting may be: each kind turns what was written into a value.

A kind is a function that takes text (from the environment) or a Python value
(from app.config or an argument) and returns the value, or raises ValueError whose
message is the remedy, as the end of a sentence.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

T = TypeVar("T")
Kind = Callable[[Any], T]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


def boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int) and raw in (0, 1):
        return bool(raw)
    word = raw.strip().lower() if isinstance(raw, str) else ""
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError("write true or false")


def text(raw: Any) -> str:
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    raise ValueError("write some text")


def anything(raw: Any) -> Any:
    return raw


def function(raw: Any) -> Callable[..., Any]:
    if callable(raw):
        return raw  # type: ignore[no-any-return]
    raise ValueError("give a function, in app.config or as an argument")


def whole(low: int = 0, high: int | None = None) -> Kind[int]:
    """An integer from ``low`` to ``high``."""

    def parse(raw: Any) -> int:
        try:
            number = int(raw) if _is_number(raw, int) else None
        except ValueError:
            number = None
        if number is None or number < low or (high is not None and number > high):
            raise ValueError(f"write a whole number {_range(low, high)}")
        return number

    return parse


def number(low: float = 0, high: float | None = None) -> Kind[float]:
    """A finite float from ``low`` to ``high``."""

    def parse(raw: Any) -> float:
        try:
            value = float(raw) if _is_number(raw, (int, float)) else float("nan")
        except (ValueError, OverflowError):
            value = float("nan")
        if not (low <= value <= (float("1e300") if high is None else high)):
            raise ValueError(f"write a number {_range(low, high)}")
        return value

    return parse


def choice(*words: str) -> Kind[str]:
    """One of ``words``."""

    def parse(raw: Any) -> str:
        if isinstance(raw, str) and raw.strip().lower() in words:
            return raw.strip().lower()
        raise ValueError(f"write {_alternatives(words)}")

    return parse


def strings(raw: Any) -> tuple[str, ...]:
    """A tuple of texts: a collection, or text separated by commas."""
    if isinstance(raw, str):
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    # An iterator would be used up by the first of two apps.
    if isinstance(raw, Collection) and not isinstance(raw, (Mapping, bytes)):
        items = tuple(raw)
        if all(isinstance(item, str) for item in items):
            return items
    raise ValueError("write a list of texts, separated by commas in the environment")


def mapping(raw: Any) -> dict[str, Any]:
    """A mapping, or a JSON object as text."""
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError("write a mapping, as JSON in the environment")


def networks(raw: Any) -> tuple[Network, ...]:
    """IP networks or addresses, as :func:`strings`."""
    parsed = []
    for item in strings(raw):
        try:
            parsed.append(_unified(ipaddress.ip_network(item, strict=False)))
        except ValueError:
            raise ValueError(f"{item!r:.80} is no IP network; write one like 10.0.0.0/8") from None
    return tuple(parsed)


def hold_everybody(networks: Iterable[Network]) -> bool:
    """Whether any address of IPv4, or of IPv6, is in one of the networks."""
    return any(network.prefixlen == 0 for network in networks)


def _unified(network: Network) -> Network:
    """The network, as IPv4 if it is mapped into IPv6, as addresses are when they are compared."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96))


def url_path(example: str) -> Kind[str]:
    """The path of a URL, without a slash at its end; no client sends dot segments (RFC 3986)."""

    def parse(raw: Any) -> str:
        written = text(raw).rstrip("/")
        if re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9_.~-]+)+", written):
            return written
        raise ValueError(f"write a path like {example}")

    return parse


def listener(raw: Any) -> tuple[str, int]:
    """Where a server listens, as address and port: ``"127.0.0.1:9464"``, or the port alone."""
    written = str(raw).strip() if isinstance(raw, (str, int)) else ""
    address, _, port = written.rpartition(":")
    host = address.removeprefix("[").removesuffix("]")
    brackets = address != host
    if re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536 and (":" in host) == brackets:
        return host or "127.0.0.1", int(port)
    raise ValueError("write a port, or an address and a port like 127.0.0.1:9464 or [::1]:9464")


def optional(kind: Kind[T]) -> Kind[T | None]:
    """``kind``, or None."""
    return lambda raw: None if raw is None else kind(raw)


def either(*kinds: Kind[Any]) -> Kind[Any]:
    """The first of ``kinds`` that takes the value; the last one's remedy if none does."""

    def parse(raw: Any) -> Any:
        for kind in kinds[:-1]:
            try:
                return kind(raw)
            except ValueError:
                continue
        return kinds[-1](raw)

    return parse


def _is_number(raw: Any, types: type | tuple[type, ...]) -> bool:
    """Whether ``raw`` is of ``types`` or text; True and False are numbers to Python only."""
    return isinstance(raw, str) or (isinstance(raw, types) and not isinstance(raw, bool))


def _range(low: float, high: float | None) -> str:
    return f"of at least {low}" if high is None else f"from {low} to {high}"


def _alternatives(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
