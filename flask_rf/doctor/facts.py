"""What the doctor looks at, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any


@dataclass(frozen=True)
class AppFacts:
    """An app and its settings.

    :param secret_key: ``SECRET_KEY``; None if there is none.
    :param cookies: ``"secure"``, ``"httponly"`` and ``"samesite"`` of the session's.
    :param settings: what each of flask_rf's settings came to; those of features that are not set up
        are missing.
    :param rewrites_address: whether werkzeug's ProxyFix changes the client's address.
    :param knows_scheme: whether what serves it is told which proxies may say that a client came by
        https.
    :param workers: processes side by side, as far as the environment says.
    :param async_views: endpoints whose view is an ``async def``.
    :param refused_limit: why the app's limits cannot be meant; empty where they can.
    """

    name: str
    debug: bool = False
    testing: bool = False
    secret_key: Any = field(default=None, repr=False)
    cookies: Mapping[str, Any] = field(default_factory=dict)
    max_content_length: Any = None
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rewrites_address: bool = False
    knows_scheme: bool = True
    workers: int = 1
    async_views: tuple[str, ...] = ()
    refused_limit: str = ""


@dataclass(frozen=True)
class RedisFacts:
    """One Redis server.

    :param settings: the settings that name it, ``"REDIS_URL"``.
    :param address: its URL without credentials.
    :param url: its URL.
    :param error: why it does not answer; nothing else is known then.
    :param refused: commands that its ACL does not allow us.
    :param told: whether it told of itself (INFO).
    :param saves: whether it writes snapshots; None if it does not say.
    :param broken_writes: whether its last attempt to write to disk failed.
    :param latency: seconds, of nineteen in twenty answers.
    :param patience: seconds that a request waits for it.
    :param skew: seconds by which its clock is ahead of ours.
    """

    settings: tuple[str, ...]
    address: str
    url: str = field(default="", repr=False)
    error: str = ""
    refused: tuple[str, ...] = ()
    told: bool = True
    version: str = "7.4.0"
    valkey: bool = False
    role: str = "master"
    maxmemory: int = 0
    used_memory: int = 0
    policy: str = "noeviction"
    evicted: int = 0
    appends: bool = False
    saves: bool | None = None
    broken_writes: bool = False
    clients: int = 0
    max_clients: int = 0
    latency: float = 0.0
    patience: float = 0.05
    skew: float = 0.0


@dataclass(frozen=True)
class GunicornFacts:
    """A gunicorn that runs here.

    :param arguments: what ``GUNICORN_CMD_ARGS`` says, and its command line, which overrules that.
    :param source: of the file with its settings; empty if it has none, None if it cannot be read.
    """

    pid: int
    arguments: tuple[str, ...]
    source: str | None = ""


@dataclass(frozen=True)
class MachineFacts:
    """The machine, or the container, and what is installed.

    :param open_files: how many this process may open; None for as many as it likes.
    :param sockets: how many sockets a worker takes; None without broadcasting.
    :param backlog: how many connections may wait to be accepted; None if unknown.
    :param shared_memory: whether there is a /dev/shm.
    :param missing: what production wants and is not installed.
    """

    open_files: int | None = None
    sockets: int | None = None
    backlog: int | None = None
    cpus: float = 1
    workers: int = 1
    shared_memory: bool = True
    missing: tuple[str, ...] = ()
    gunicorns: tuple[GunicornFacts, ...] = ()
