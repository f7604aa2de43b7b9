"""The settings of broadcasting."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any
from typing import ClassVar
from urllib.parse import urlsplit

from flask import Flask

from .. import kinds
from ..errors import ConfigurationError
from ..redis import redis_url
from ..redis import RedisOptions
from ..settings import key_bytes
from ..settings import Options
from ..settings import resolve
from ..settings import setting
from .encryption import master_key
from .session import Rules

#: RFC 6454, 6.2, as compared byte by byte; apps in web views have schemes of their own.
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+")

#: Seconds. Timers of browsers end at once after 25 days and more: clients would ping without end.
_DAY = 86_400


def _path_segment(raw: Any) -> str:
    text = kinds.text(str(raw))
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError("write 1 to 64 letters, digits, - or _")
    return text


def _origins(raw: Any) -> tuple[str, ...]:
    origins = kinds.strings(raw)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is no origin as browsers send it; write https://app.example.com, "
                "in lower case, without a path"
            )
    return origins


def _webhook_urls(raw: Any) -> tuple[str, ...]:
    urls = kinds.strings(raw)
    for url in urls:
        if not _is_webhook_url(url):
            raise ValueError(
                f"{url!r} is no URL that events can be posted to; "
                "write https://host/path, without a user and a fragment"
            )
    return urls


def _is_webhook_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # as it is looked up
        complete = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        return False
    clean = re.fullmatch(r"[!-~]+", url) is not None and "@" not in parts.netloc
    return complete and clean and not parts.fragment


def _default_url(app: Flask) -> str | None:
    return resolve(app, RedisOptions).url


@dataclass(frozen=True)
class BroadcastOptions(Options):
    prefix: ClassVar[str] = "BROADCAST_"

    backend: str | None = setting(
        kinds.optional(kinds.choice("redis", "memory")),
        doc="What carries events: redis where a URL is set, else this process's memory.",
    )
    redis_url: str | None = setting(
        redis_url, derive=_default_url, secret=True, doc="The Redis of events; REDIS_URL's."
    )
    app_id: str = setting(_path_segment, "1", doc="The app's id in the HTTP API.")
    app_key: str = setting(
        _path_segment, "flask-rf", doc="The public key that clients connect with."
    )
    app_secret: tuple[str, ...] = setting(
        kinds.strings,
        (),
        secret=True,
        doc="Secrets of signatures, the first signs; derived from SECRET_KEY by default.",
    )
    origins: tuple[str, ...] = setting(
        _origins, (), doc="Origins of other sites whose pages may open sockets."
    )
    activity_timeout: int = setting(
        kinds.whole(1, _DAY), 120, doc="Seconds of silence after which a ping is sent."
    )
    max_message: int = setting(
        kinds.whole(128), 10_000, doc="Characters in one message from a client."
    )
    max_event: int = setting(kinds.whole(128), 100_000, doc="Bytes in one published event.")
    max_queue: int = setting(
        kinds.whole(4096),
        1_048_576,
        doc="Bytes that may wait for a slow reader; at least twice MAX_EVENT.",
    )
    max_subscriptions: int = setting(kinds.whole(1), 100, doc="Channels per connection.")
    max_client_events: int = setting(
        kinds.whole(1), 20, doc="Client events per connection and second."
    )
    max_members: int = setting(kinds.whole(1), 100, doc="Users on one presence channel.")
    max_member_info: int = setting(
        kinds.whole(16), 1024, doc="Bytes of a presence member's info, as JSON."
    )
    max_watchlist: int = setting(kinds.whole(0), 100, doc="Users that one user may follow.")
    max_connections: int = setting(
        kinds.whole(1), 20_000, doc="Sockets a worker takes; more are told to come back."
    )
    max_connections_per_address: int | None = setting(
        kinds.optional(kinds.whole(1)), doc="Sockets a worker takes from one client address."
    )
    max_streams: int = setting(
        kinds.whole(0),
        500,
        doc="Event streams a worker takes; each holds one of its threads or greenlets.",
    )
    max_handshakes: int | None = setting(
        kinds.optional(kinds.whole(1)), doc="New sockets a worker takes in one second."
    )
    subscription_count: bool = setting(
        kinds.boolean, False, doc="Whether subscribers are told how many they are."
    )
    webhooks: tuple[str, ...] = setting(
        _webhook_urls, (), doc="URLs that are told what happens on channels."
    )
    encryption_key: bytes | None = setting(
        kinds.optional(master_key),
        secret=True,
        doc="Master key of encrypted channels: 32 bytes in base64.",
    )

    def __post_init__(self) -> None:
        """:raises ConfigurationError: what cannot carry events, or none of the size allowed."""
        if self.backend == "redis" and self.redis_url is None:
            raise ConfigurationError("BROADCAST_BACKEND", "redis", "set REDIS_URL as well")
        least = 2 * self.max_event  # JSON within JSON: a quotation mark takes two bytes
        if self.max_queue < least:
            remedy = f"such an event would end every connection; set BROADCAST_MAX_QUEUE={least}"
            raise ConfigurationError("BROADCAST_MAX_EVENT", self.max_event, remedy)

    @property
    def between_processes(self) -> bool:
        return self.backend == "redis" or (self.backend is None and self.redis_url is not None)

    def rules(self) -> Rules:
        return Rules(
            subscriptions=self.max_subscriptions,
            messages_per_second=self.max_client_events,
            member_bytes=self.max_member_info,
            members=self.max_members,
            watchlist=self.max_watchlist,
        )

    def secrets_for(self, app: Flask) -> tuple[str, ...]:
        """The accepted secrets; all workers must come to the same.

        :raises ConfigurationError: several processes share Redis and nothing they agree on, or
            ``SECRET_KEY`` is neither text nor bytes.
        """
        if self.app_secret:
            return self.app_secret
        if app.secret_key:
            raw = key_bytes(app.secret_key)
            return (hmac.new(raw, b"flask_rf.broadcast", "sha256").hexdigest(),)
        if self.between_processes:
            raise ConfigurationError(
                "BROADCAST_APP_SECRET",
                None,
                "set it, or SECRET_KEY in app.config, so that all workers agree",
            )
        return (secrets.token_hex(32),)
