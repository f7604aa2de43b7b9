"""Judges a Redis server. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from .facts import RedisFacts
from .findings import advice
from .findings import Finding
from .findings import fine
from .findings import hurts

_OLDEST = (6, 2)  # what the scripts need
_KEPT = (7, 0)  # what the tests run with
_FULL = 0.8
_SKEW_HURTS = 60.0  # seconds; signed requests hold for ten minutes, in both directions
_SKEW_SHOWS = 2.0


def reachable(facts: RedisFacts) -> Finding:
    if facts.error:
        return hurts(
            "Redis",
            f"{facts.address} does not answer: {facts.error}.",
            f"start it, or mend {' and '.join(facts.settings)}",
        )
    return fine("Redis", f"{facts.address} answers.")


def rights(facts: RedisFacts) -> Finding | None:
    if facts.refused:
        return hurts(
            "Redis rights",
            f"Its ACL does not let us {', '.join(facts.refused)}.",
            "give the user what users.acl of examples/deploy has",
        )
    if not facts.told:
        return advice(
            "Redis rights",
            "Its ACL lets us not ask how it is set up (INFO), so some of this stays unknown.",
            "allow +info, which tells no data",
        )
    return fine("Redis rights", "It lets us do what we need.")


def version(facts: RedisFacts) -> Finding | None:
    if not facts.told:
        return None
    name = "Valkey" if facts.valkey else "Redis"
    number = tuple(int(part) for part in re.findall(r"\d+", facts.version)[:2])
    if number < _OLDEST:
        return hurts("Redis version", f"{name} {facts.version} is too old.", "run Redis 7 or newer")
    if number < _KEPT:
        return advice(
            "Redis version",
            f"{name} {facts.version} is not looked after any more.",
            "run Redis 7 or newer",
        )
    return fine("Redis version", f"{name} {facts.version}.")


def eviction(facts: RedisFacts) -> Finding | None:
    if not facts.told:
        return None
    if facts.policy != "noeviction":
        has = f"It has evicted {facts.evicted:,} keys." if facts.evicted else "It will when full."
        return hurts(
            "eviction",
            f"maxmemory-policy is {facts.policy}: what is evicted is a forgotten limit. {has}",
            "set maxmemory-policy noeviction; a cache gets a Redis of its own",
        )
    return fine("eviction", "No key is evicted.")


def memory(facts: RedisFacts) -> Finding | None:
    if not facts.told:
        return None
    if not facts.maxmemory:
        return advice(
            "Redis memory",
            "maxmemory is not set: it grows until the machine ends it.",
            "set maxmemory; docs/redis.rst says how much",
        )
    share = facts.used_memory / facts.maxmemory
    if share >= _FULL:
        return hurts(
            "Redis memory",
            f"{share:.0%} of maxmemory is used; full, it refuses every write.",
            "raise maxmemory, or count with sliding-counter instead of sliding-window",
        )
    return fine("Redis memory", f"{share:.0%} of maxmemory is used.")


def persistence(facts: RedisFacts) -> Finding | None:
    if not facts.told:
        return None
    if facts.broken_writes:
        return hurts(
            "persistence",
            "It could not write to its disk, and may refuse every write for that reason.",
            "look at its log: the disk is full, or the folder not its own",
        )
    if facts.appends or facts.saves:
        return fine("persistence", "Counts survive a restart.")
    if facts.saves is None:
        return None
    return advice(
        "persistence",
        "Nothing is kept on disk: after a restart every limit begins anew.",
        "set appendonly yes, or accept it",
    )


def role(facts: RedisFacts) -> Finding | None:
    if not facts.told:
        return None
    if facts.role != "master":
        return hurts(
            "Redis role",
            f"{facts.address} is a replica, which takes no writes.",
            "name the primary, or the Sentinels that know it: redis+sentinel://…",
        )
    return fine("Redis role", "It takes writes.")


def connections(facts: RedisFacts) -> Finding | None:
    if not facts.told or not facts.max_clients:
        return None
    share = facts.clients / facts.max_clients
    if share >= _FULL:
        return hurts(
            "Redis connections",
            f"{facts.clients:,} of {facts.max_clients:,} are taken.",
            "raise maxclients and its limit of open files",
        )
    return fine("Redis connections", f"{facts.clients:,} of {facts.max_clients:,} are taken.")


def latency(facts: RedisFacts) -> Finding:
    said = f"Nineteen of twenty answers come within {facts.latency * 1000:.1f} ms"
    mend = "bring Redis nearer, or raise RATE_LIMIT_TIMEOUT"
    if facts.latency >= facts.patience:
        wait = f"{facts.patience * 1000:.0f} ms"
        return hurts("latency", f"{said}, and requests wait for {wait} only.", mend)
    if facts.latency >= facts.patience / 4:
        return advice("latency", f"{said}; each request that is limited waits so long.", mend)
    return fine("latency", f"{said}.")


def clock(facts: RedisFacts) -> Finding:
    direction = "ahead of" if facts.skew > 0 else "behind"
    said = f"Redis's clock is {abs(facts.skew):.1f} s {direction} ours"
    if abs(facts.skew) >= _SKEW_HURTS:
        return hurts("clock", f"{said}.", "run NTP on both machines")
    if abs(facts.skew) >= _SKEW_SHOWS:
        return advice(
            "clock", f"{said}, so the times that limits name are off.", "run NTP on both machines"
        )
    return fine("clock", "Redis's clock and ours agree.")


def encryption(facts: RedisFacts) -> Finding | None:
    parts = urlsplit(facts.url.split(",")[0])
    if parts.scheme == "unix" or not facts.url:
        return None
    if _is_within(parts.hostname or "") or parts.scheme == "rediss" or "ssl=true" in facts.url:
        return fine("Redis encryption", "What goes to Redis stays within, or goes over TLS.")
    return hurts(
        "Redis encryption",
        f"{facts.address} is reached over other people's networks, unencrypted.",
        "write rediss:// and set TLS up on it (examples/deploy/redis/tls.conf)",
    )


def password(facts: RedisFacts) -> Finding | None:
    parts = urlsplit(facts.url.split(",")[0])
    if parts.scheme == "unix" or not facts.url or _is_loopback(parts.hostname or ""):
        return None
    if "@" in facts.url.partition("?")[0]:
        return fine("Redis password", "It asks for one.")
    return advice(
        "Redis password",
        f"{facts.address} asks for none: whoever reaches it can send events and change counts.",
        "give the app a user of its own (examples/deploy/redis/users.acl)",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_within(host: str) -> bool:
    """Whether a host is on a network of our own: a private address, or a name without a domain."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".svc", ".localhost"))


#: Of a server that answers; the others need nothing but its URL.
ANSWERING = (
    rights,
    version,
    role,
    eviction,
    memory,
    persistence,
    connections,
    latency,
    clock,
)
JUDGES = (reachable, encryption, password)
