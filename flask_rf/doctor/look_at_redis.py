"""Asks each Redis that an app uses about itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from flask import Flask

from ..redis import failures
from ..redis import namespace
from ..redis import RedisOptions
from ..redis import RedisServer
from ..redis import unavailable
from ..settings import resolve
from ..settings import resolved_settings
from .facts import RedisFacts

_PINGS = 20
_PATIENCE = 2.0  # seconds; the doctor has more of it than a request
_SETTINGS = ("REDIS_URL", "RATE_LIMIT_REDIS_URL", "BROADCAST_REDIS_URL")


def redis_facts(app: Flask) -> list[RedisFacts]:
    """What is to be known of each server; of a Cluster, of each of its primaries."""
    options = resolve(app, RedisOptions)
    return [
        facts
        for url, settings in _urls(app).items()
        for facts in _facts(url, settings, options, namespace(app), _patience(app, settings))
    ]


def _urls(app: Flask) -> dict[str, tuple[str, ...]]:
    """Each URL, with the settings that name it; those that merely follow ``REDIS_URL`` do not."""
    found = resolved_settings(app)
    named: dict[str, tuple[str, ...]] = {}
    for key in _SETTINGS:
        if key in found and found[key].value and found[key].source != "default":
            named[found[key].value] = (*named.get(found[key].value, ()), key)
    return named


def _patience(app: Flask, settings: tuple[str, ...]) -> float:
    """Seconds that a request waits for it."""
    found = resolved_settings(app)
    limits = {"REDIS_URL", "RATE_LIMIT_REDIS_URL"} & set(settings)
    key = "RATE_LIMIT_TIMEOUT" if limits and "RATE_LIMIT_TIMEOUT" in found else "REDIS_TIMEOUT"
    return float(found[key].value)


def _facts(
    url: str, settings: tuple[str, ...], options: RedisOptions, space: str, patience: float
) -> Iterator[RedisFacts]:
    server = RedisServer(
        url, options, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE, max_connections=8
    )
    try:
        for address, client in _nodes(server):
            known = _asked(client, space)
            yield RedisFacts(settings, address, url, patience=patience, **known)
    except failures() as error:
        reason = unavailable("look", error).reason
        yield RedisFacts(settings, server.address, url, error=reason.rstrip("."))
    finally:
        server.close()


def _nodes(server: RedisServer) -> Iterator[tuple[str, Any]]:
    client: Any = server.client
    if not hasattr(client, "get_primaries"):
        yield server.address, client
        return
    for node in client.get_primaries():
        yield f"{node.host}:{node.port}", client.get_redis_connection(node)


def _asked(client: Any, space: str) -> dict[str, Any]:
    """:raises RedisError: it does not answer."""
    latency, skew = _clocked(client)
    timed = {"latency": latency, "skew": skew, "refused": _refused(client, space)}
    info = _unless_refused(client, "INFO")
    if info is None:
        return {**timed, "told": False}
    return {**timed, **_from_info(info), "saves": _saves(client)}


def _clocked(client: Any) -> tuple[float, float]:
    """The latency of nineteen answers in twenty, and by how much the server's clock is ahead."""
    times = []
    for _ in range(_PINGS):
        began = time.perf_counter()
        client.ping()
        times.append(time.perf_counter() - began)
    before = time.time()
    seconds, microseconds = client.time()
    ours = (before + time.time()) / 2
    return sorted(times)[_PINGS * 19 // 20 - 1], seconds + microseconds / 1e6 - ours


def _refused(client: Any, space: str) -> tuple[str, ...]:
    """What of all that features do the ACL does not allow."""
    from redis.exceptions import NoPermissionError
    from redis.exceptions import RedisError

    refused = []
    tried = [
        ("GET", f"{space}:doctor"),
        ("DEL", f"{space}:doctor"),
        ("GET", f"{{{space}}}:doctor"),
        ("EVAL", "return 1", 0),
        ("PUBLISH", f"{{{space}}}:doctor", ""),
    ]
    for command in tried:
        try:
            client.execute_command(*command)
        except NoPermissionError:
            refused.append(command[0] if command[0] == "EVAL" else " ".join(map(str, command[:2])))
        except RedisError:
            continue  # a replica or another node's slot: not a question of rights
    return tuple(refused)


def _unless_refused(client: Any, *command: str) -> Any:
    """A command's reply; None where it is not allowed, or a hosted Redis does not have it."""
    from redis.exceptions import ResponseError

    try:
        return client.execute_command(*command)
    except ResponseError:
        return None


def _saves(client: Any) -> bool | None:
    reply = _unless_refused(client, "CONFIG GET", "save")
    return None if reply is None else any(dict(reply).values())


def _from_info(info: dict[str, Any]) -> dict[str, Any]:
    writes = (info.get("aof_last_write_status"), info.get("rdb_last_bgsave_status"))
    return {
        "version": str(info.get("valkey_version") or info["redis_version"]),
        "valkey": "valkey_version" in info,
        "role": info["role"],
        "maxmemory": int(info.get("maxmemory", 0)),
        "used_memory": int(info.get("used_memory", 0)),
        "policy": info.get("maxmemory_policy", "noeviction"),
        "evicted": int(info.get("evicted_keys", 0)),
        "appends": bool(info.get("aof_enabled")),
        "broken_writes": "err" in writes,
        "clients": int(info.get("connected_clients", 0)),
        "max_clients": int(info.get("maxclients", 0)),
    }
