"""Origins as browsers send them, and patterns that stand for several.

An origin is ``scheme://host[:port]`` in its ASCII serialization (HTML Standard,
section "Origin"): lower-case, Punycode, no default port. A pattern may put ``*.``
before the host for its subdomains of any depth, and ``*`` for any port or none.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .options import Decider
from .options import Origin
from .public_suffixes import HOSTING_SUFFIXES
from .public_suffixes import is_public_suffix

logger = logging.getLogger("flask_rf")

#: Bytes; a scheme of 64, ``://``, a host name of 253 and a port come to no more.
MAX_LENGTH = 327

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LABEL = "[a-z0-9_-]{1,63}"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")
_SCHEME = re.compile("[a-z][a-z0-9+.-]*")
_SERIALIZED = re.compile(rf"{_SCHEME.pattern}://(?:\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]{{1,5}})?")
_WRITTEN = re.compile(
    r"(?P<scheme>[^:/?#]+)://"
    r"(?:[^@/?#]*@)?"
    r"(?P<host>\[[^\]/?#]*\]|[^:/?#@]*)"
    r"(?::(?P<port>[^/?#]*))?"
    r"(?:[/?#].*)?",
    re.DOTALL,
)
_HINT = (
    "write scheme://host or scheme://host:port; * stands for a port, or as *. for subdomains, "
    "and alone for every page; a regular expression is given as re.compile(...)"
)


@dataclass(frozen=True)
class OriginPattern:
    """One configured origin.

    :param host: without the ``*.`` of ``subdomains``; an IPv6 address in brackets.
    :param port: digits, ``*`` for any or none, or empty for the scheme's own.
    """

    scheme: str
    subdomains: bool
    host: str
    port: str

    @classmethod
    def parse(cls, text: str) -> OriginPattern:
        """Read an origin as it is configured.

        :raises ValueError: browsers send no such origin; the message names the correct form.
        """
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(f"{text!r:.80} is no origin; {_HINT}")
        host = written["host"]
        subdomains = host.startswith("*.")
        try:
            pattern = cls(
                _canonical_scheme(written["scheme"]),
                subdomains,
                _canonical_host(host.removeprefix("*."), subdomains),
                _canonical_port(written["port"] or "", written["scheme"].lower()),
            )
        except ValueError:
            raise ValueError(f"{text!r:.80} is no origin; {_HINT}") from None
        if str(pattern) != text:
            raise ValueError(
                f"browsers do not send {text!r:.80} as an origin; write {str(pattern)!r:.80}"
            )
        return pattern

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{'*.' if self.subdomains else ''}{self.host}{port}"

    @property
    def is_single(self) -> bool:
        """Whether it stands for one origin only."""
        return not self.subdomains and self.port != "*"

    @property
    def is_insecure(self) -> bool:
        """Whether anybody on the way can speak as this origin: plain HTTP beyond this machine."""
        return self.scheme == "http" and not _is_loopback(self.host)

    @property
    def is_registrable_by_anybody(self) -> bool:
        return self.subdomains and is_public_suffix(self.host)

    def regex(self) -> re.Pattern[str]:
        """The regular expression that a whole origin of this pattern matches."""
        labels = r"(?:[a-z0-9_-]+\.)+" if self.subdomains else ""
        port = "(?::[0-9]{1,5})?" if self.port == "*" else f":{self.port}" if self.port else ""
        return re.compile(f"{re.escape(self.scheme)}://{labels}{re.escape(self.host)}{port}")


class AllowedOrigins:
    """The origins one policy allows.

    :param written: origins, patterns, ``null``, regular expressions and functions, all checked.
    :param secure_only: regular expressions and functions meet https origins only.
    """

    def __init__(self, written: Sequence[Origin], secure_only: bool) -> None:
        texts = [item for item in written if isinstance(item, str) and item not in ("*", "null")]
        patterns = [OriginPattern.parse(text) for text in texts]
        self._exact = frozenset(str(p) for p in patterns if p.is_single) | ({"null"} & {*written})
        self._wildcards = tuple(p.regex() for p in patterns if not p.is_single)
        self._regexes = tuple(item for item in written if isinstance(item, re.Pattern))
        self._deciders = tuple(item for item in written if callable(item))
        self._secure_only = secure_only

    @property
    def may_change(self) -> bool:
        """Whether a function may allow tomorrow what it denies today."""
        return bool(self._deciders)

    def __contains__(self, origin: str) -> bool:
        # Exact and case-sensitive, as the CORS check of Fetch compares.
        return origin in self._exact or (is_serialized(origin) and self._fits_pattern(origin))

    def _fits_pattern(self, origin: str) -> bool:
        if any(pattern.fullmatch(origin) for pattern in self._wildcards):
            return True
        if self._secure_only and not origin.startswith("https://"):
            return False
        # fullmatch: a mere match would let https://a.com.evil.io pass for https://a.com.
        if any(pattern.fullmatch(origin) for pattern in self._regexes):
            return True
        return any(_allows(decider, origin) for decider in self._deciders)


def _allows(decider: Decider, origin: str) -> bool:
    try:
        return bool(decider(origin))
    except Exception:
        logger.exception("CORS: %r could not decide about %r, which is denied", decider, origin)
        return False


def is_serialized(origin: str) -> bool:
    """Whether it is one origin as a browser could send it, within :data:`MAX_LENGTH`."""
    return len(origin) <= MAX_LENGTH and _SERIALIZED.fullmatch(origin) is not None


def allows_strangers(pattern: re.Pattern[str]) -> str | None:
    """An origin anybody can obtain that the regular expression matches; None if none is found."""
    name = "https://any-name-at-all"
    probes = [f"{name}.{suffix}" for suffix in ("com", "io", "co.uk", *sorted(HOSTING_SUFFIXES))]
    return next((probe for probe in probes if pattern.fullmatch(probe)), None)


def _canonical_scheme(scheme: str) -> str:
    scheme = scheme.lower()
    # A page from a file has the origin null.
    if not _SCHEME.fullmatch(scheme) or scheme == "file":
        raise ValueError
    return scheme


def _canonical_host(host: str, subdomains: bool) -> str:
    address = _canonical_address(host)
    if address and subdomains:
        raise ValueError
    if address:
        return address
    name = host.encode("idna").decode().lower()
    if not _DOMAIN.fullmatch(name) or len(name) > 253:
        raise ValueError
    return name


def _canonical_address(host: str) -> str | None:
    if host.startswith("["):
        address = ipaddress.IPv6Address(host[1:-1])
        if address.scope_id:
            raise ValueError
        return f"[{address}]"
    # The URL Standard takes every host that ends in a number for an IPv4 address.
    last = host.rstrip(".").rpartition(".")[2]
    return str(ipaddress.IPv4Address(host)) if last.isdigit() else None


def _canonical_port(port: str, scheme: str) -> str:
    if port in ("", "*"):
        return port
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError
    port = str(int(port))
    return "" if port == _DEFAULT_PORTS.get(scheme) else port


def _is_loopback(host: str) -> bool:
    # RFC 6761 section 6.3: localhost and every name below it never leave the machine.
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
