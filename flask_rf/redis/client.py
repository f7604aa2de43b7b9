"""A Redis as its URL names it: one server, a Sentinel's primary or a Cluster, with TLS or not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import cast
from typing import ClassVar
from typing import NamedTuple
from typing import TYPE_CHECKING
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask

from .. import kinds
from ..errors import RedisUnavailable
from ..settings import Options
from ..settings import resolve
from ..settings import setting
from .waiting import Turns

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

#: Begins every key after the app's prefix; raised when a key's layout changes.
SCHEMA = 1

_PATHS = {
    "redis": r"(/\d*)?",
    "rediss": r"(/\d*)?",
    "unix": r"/.+",
    "redis+sentinel": r"/[^/]+(/\d*)?",
    "redis+cluster": r"(/0?)?",
}


def redis_url(raw: Any) -> str:
    """The kind of setting that holds a Redis URL."""
    try:
        url = kinds.text(raw)
        parts = _split(url)
        complete = _is_complete(parts)
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(
            "write a URL like redis://localhost:6379/0, rediss://…, unix:///path, "
            "redis+sentinel://host:26379/mymaster/0 or redis+cluster://host:7000, "
            "with /, ?, #, @, [ and ] of a password as %2F, %3F, %23, %40, %5B and %5D"
        )
    if parts.query and not _is_understood(parts):
        raise ValueError(
            "after the ?, write parameters of redis-py's connections, like ssl_ca_certs=/path"
        )
    return url


class _Parts(NamedTuple):
    scheme: str
    credentials: str  # "user:password", quoted
    hosts: str  # "one:26379,[::1]:26380"
    path: str
    query: str


def _split(url: str) -> _Parts:
    """Not by urlsplit, which rejects a bracket after a comma since Python's CVE-2025-0938.

    :raises ValueError: nothing like a URL, or one with a fragment.
    """
    found = re.fullmatch(r"([^:]+)://(?:([^\[\]/?#]*)@)?([^/?#@]*)([^?#]*)(?:\?([^#]*))?", url)
    if found is None:
        raise ValueError(url)
    return _Parts(*found.groups(default=""))


def _is_complete(parts: _Parts) -> bool:
    """Whether nothing is missing, and nothing left over that redis-py would pass over.

    :raises ValueError: a port is none.
    """
    if parts.scheme not in _PATHS:
        return False
    hosts = [host for host, _ in _hosts(parts, 0)]
    named = hosts == [""] if parts.scheme == "unix" else all(hosts)
    several = len(hosts) > 1 and parts.scheme in ("redis", "rediss")
    return named and not several and bool(re.fullmatch(_PATHS[parts.scheme], parts.path))


def _is_understood(parts: _Parts) -> bool:
    """Whether redis-py takes the query, which it says with its first connection only."""
    from redis.connection import Connection
    from redis.connection import SSLConnection
    from redis.exceptions import RedisError

    try:
        said = _said_by(parts)
        encrypted = parts.scheme == "rediss"
        if parts.scheme.startswith("redis+"):
            encrypted = bool(said.pop("ssl", False))
        said.pop("max_connections", None)  # the pool's
        (SSLConnection if encrypted else Connection)(**said)
    except (TypeError, ValueError, RedisError):
        return False
    return True


@dataclass(frozen=True)
class RedisOptions(Options):
    prefix: ClassVar[str] = "REDIS_"

    url: str | None = setting(
        redis_url, doc="The Redis that makes the features distributed.", secret=True
    )
    max_connections: int = setting(
        kinds.whole(1), 64, doc="Connections a process may hold in one pool; more threads wait."
    )
    connect_timeout: float = setting(
        kinds.number(0.001), 0.5, doc="Seconds a connection attempt may take."
    )
    timeout: float = setting(kinds.number(0.001), 0.5, doc="Seconds a command may take.")
    health_check_interval: float = setting(
        kinds.number(0), 30.0, doc="Seconds an idle connection is trusted without a PING."
    )


@dataclass(frozen=True)
class NamespaceOptions(Options):
    prefix: ClassVar[str] = "RF_"

    namespace: str = setting(
        kinds.text, key="RF_PREFIX", derive=lambda app: app.name, doc="Begins every Redis key."
    )


def namespace(app: Flask) -> str:
    """What begins every key of ``app``, schema version included: ``"shop:1"``.

    The app's name stands in as it is, except for the characters that have a meaning
    in key patterns and hash tags.
    """
    prefix = re.sub(r"[\s*?\[\]{}\\]", "_", resolve(app, NamespaceOptions).namespace)
    return f"{prefix}:{SCHEMA}"


class RedisServer:
    """A Redis named by URL; its client is made on first use in each process.

    :param url: as :func:`redis_url` accepts it.
    :param options: time-outs and the pool's size, where the URL does not say.
    :param overrides: keyword arguments of redis-py's connections, whatever the URL says.
    """

    def __init__(self, url: str, options: RedisOptions, **overrides: Any) -> None:
        self.url = url
        self._defaults = {
            "max_connections": options.max_connections,
            "socket_connect_timeout": options.connect_timeout,
            "socket_timeout": options.timeout,
            "health_check_interval": options.health_check_interval,
        }
        # RESP2, for one URL to be accepted or refused alike, and replies to be of the same types,
        # whatever redis-py's default is; bytes, though others who read the URL may want text.
        self._overrides = {"protocol": 2, "decode_responses": False, **overrides}
        self._client: Redis | None = None
        self._pid = os.getpid()
        self._turns: dict[int, Turns] = {}  # by process: in a fork, a thread may hold the parent's

    def __repr__(self) -> str:
        return f"<RedisServer {self.address}>"

    @property
    def address(self) -> str:
        """The URL without its credentials, for messages and logs."""
        parts = _split(self.url)
        return f"{parts.scheme}://{parts.hosts}{parts.path}"

    @property
    def client(self) -> Redis:
        """redis-py's client. It is never shared across a fork."""
        client, pid = self._client, os.getpid()
        if client is not None and self._pid == pid:
            return client
        return self.in_turn(self._the_client)

    def in_turn(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns, which nobody else makes at the same time.

        For what asks several servers, each of which may be silent. Those who waited for one that
        failed share its failure: one after the other, each would wait longer than the one before.
        """
        return self._turns.setdefault(os.getpid(), Turns()).take(attempt)

    def _the_client(self) -> Redis:
        # One only: a client that is dropped closes the connections that others use of it.
        if self._client is None or self._pid != os.getpid():
            self._client = _make_client(self.url, self._defaults, self._overrides)
            self._pid = os.getpid()
        return self._client

    def close(self) -> None:
        """Close this process's connections."""
        if self._client is not None and self._pid == os.getpid():
            self._client.close()
        self._client = None


def own_connection(client: Redis) -> Any:
    """A connection like those of a client's pool, not connected yet, for the caller to keep.

    Not by the pool's ``make_connection``: it counts what it has made, and with the last of
    ``max_connections`` nothing could be dialled again, however many of them have ended.
    """
    pool: Any = client.connection_pool
    return pool.connection_class(**pool.connection_kwargs)


def unavailable(operation: str, error: Exception) -> RedisUnavailable:
    """The error of ours that stands for one of redis-py's."""
    # Of a Sentinel it did not find redis-py shows the client with all its options.
    reason = str(error).partition("\n")[0].partition(" : <")[0] or type(error).__name__
    return RedisUnavailable(operation, reason)


def failures() -> tuple[type[Exception], ...]:
    """What redis-py raises where Redis, or a node of a Cluster, does not do what it is asked."""
    from redis.exceptions import RedisClusterException
    from redis.exceptions import RedisError

    return (RedisError, RedisClusterException, OSError)


def raise_first(replies: list[Any]) -> list[Any]:
    """``replies``, if none of them is an exception.

    :raises Exception: the first of them.
    """
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _make_client(url: str, defaults: dict[str, Any], overrides: dict[str, Any]) -> Redis:
    from redis import ConnectionPool
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.connection import parse_url
    from redis.retry import Retry

    parts = _split(url)
    said = _said_by(parts) if parts.scheme in _OF_SEVERAL else parse_url(url)  # type: ignore[no-untyped-call]
    # redis-py's own default, ten retries, holds a request for 3.5 s on a refused port.
    arguments = {"retry": Retry(NoBackoff(), 0), **defaults, **said, **overrides}
    if parts.scheme in _OF_SEVERAL:
        return _OF_SEVERAL[parts.scheme](parts, arguments)
    return Redis.from_pool(ConnectionPool(**arguments))


def _sentinel_client(parts: _Parts, arguments: dict[str, Any]) -> Redis:
    from redis.sentinel import Sentinel

    service, _, database = parts.path.strip("/").partition("/")
    # Not tried again either: three dead Sentinels would hold a request for ten seconds.
    own = {k: v for k, v in arguments.items() if k.startswith("socket_") or k == "retry"}
    sentinel: Any = Sentinel(_hosts(parts, 26379), sentinel_kwargs=own)  # type: ignore[no-untyped-call]
    return cast("Redis", sentinel.master_for(service, **{**arguments, "db": int(database or 0)}))


def _cluster_client(parts: _Parts, arguments: dict[str, Any]) -> Redis:
    from redis.cluster import ClusterNode
    from redis.cluster import RedisCluster

    arguments.pop("retry")  # the cluster client's own retry follows moved slots
    nodes = [ClusterNode(host, port) for host, port in _hosts(parts, 6379)]  # type: ignore[no-untyped-call]
    return cast("Redis", RedisCluster(startup_nodes=nodes, **arguments))


_OF_SEVERAL = {"redis+sentinel": _sentinel_client, "redis+cluster": _cluster_client}


def _hosts(parts: _Parts, default_port: int) -> list[tuple[str, int]]:
    each = [urlsplit(f"//{host}") for host in parts.hosts.split(",")]
    return [(one.hostname or "", one.port or default_port) for one in each]


def _said_by(parts: _Parts) -> dict[str, Any]:
    """What user, password and query say, as redis-py reads them in its own URLs."""
    from redis.connection import parse_url

    url = f"redis://{parts.credentials}@?{parts.query}"
    return cast("dict[str, Any]", parse_url(url))  # type: ignore[no-untyped-call]
