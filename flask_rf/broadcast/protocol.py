"""The Pusher Channels protocol, version 7, as text: what a server says and what a client may say.

``data`` from a server is always a JSON *string*; a client may send it as a string
or as plain JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .channel import ONLINE

VERSIONS = range(5, 8)
SUBSCRIPTION_SUCCEEDED = "pusher_internal:subscription_succeeded"
SUBSCRIPTION_ERROR = "pusher:subscription_error"
#: What the message about a member's leave begins with.
MEMBER_REMOVED = b'{"event":"pusher_internal:member_removed"'
MAX_EVENT = 200

_RESERVED = ("pusher:", "pusher_internal:", "rf:")
_SOCKET_ID = re.compile(r"[0-9]{1,20}\.[0-9]{1,20}")


class Code(IntEnum):
    """Codes of ``pusher:error`` and of the close frame that follows.

    Clients stop for good at 4000 to 4099, come back after a second at 4100 to 4199
    and at once at 4200 to 4299.
    """

    UNKNOWN_APP = 4001
    UNSUPPORTED_PROTOCOL = 4007
    NO_PROTOCOL = 4008
    UNAUTHORISED = 4009
    OVER_CAPACITY = 4100
    RECONNECT = 4200
    NO_PONG = 4201
    CLIENT_EVENT_REFUSED = 4301


@dataclass(frozen=True)
class ClientMessage:
    """One well-formed message from a client; ``data`` is what the JSON held."""

    event: str
    channel: str | None
    data: Any

    def fields(self) -> Mapping[str, Any]:
        """``data`` as an object, whichever way the client wrote it; empty when it is none."""
        data = self.data
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError):
                data = None
        return data if isinstance(data, dict) else {}


class BadMessage(ValueError):
    """Not a message of the protocol; the text says why, for the client's developer."""


def parse_message(text: str) -> ClientMessage:
    """Read a client's message.

    :raises BadMessage: it is no JSON object with a short ``event`` and at most a ``channel``.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("the message is not JSON") from None
    if not isinstance(message, dict):
        raise BadMessage("the message is not a JSON object")
    event, channel = message.get("event"), message.get("channel")
    if not isinstance(event, str) or not 0 < len(event) <= MAX_EVENT:
        raise BadMessage(f"'event' is not a text of 1 to {MAX_EVENT} characters")
    if channel is not None and not isinstance(channel, str):
        raise BadMessage("'channel' is not a text")
    return ClientMessage(event, channel, message.get("data"))


def event_fault(name: Any) -> str | None:
    """Why an event cannot be published under this name; None where it can."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_EVENT:
        return f"an event's name has 1 to {MAX_EVENT} characters"
    if name.startswith(_RESERVED):
        return f"names that begin with {', '.join(_RESERVED)} are the protocol's own"
    return None


def is_socket_id(text: str) -> bool:
    return _SOCKET_ID.fullmatch(text) is not None


def compact(value: Any) -> str:
    """JSON without spare white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def encode(event: str, data: str, channel: str | None = None, **extra: Any) -> bytes:
    """One message to a client.

    :param data: the event's data, JSON already.
    :param extra: further top-level keys (``user_id`` of a client event).
    """
    message: dict[str, Any] = {"event": event}
    if channel is not None:
        message["channel"] = channel
    message["data"] = data
    # Half a surrogate pair has no UTF-8: browsers would close over it (RFC 6455, 8.1).
    return compact({**message, **extra}).encode("utf-8", "replace")


def connection_established(socket_id: str, activity_timeout: int) -> bytes:
    data = {"socket_id": socket_id, "activity_timeout": activity_timeout}
    return encode("pusher:connection_established", compact(data))


def error(code: int | None, message: str) -> bytes:
    data = {"code": code, "message": message}
    return encode("pusher:error", compact(data))


def pong() -> bytes:
    return encode("pusher:pong", "{}")


def ping() -> bytes:
    return encode("pusher:ping", "{}")


def subscription_succeeded(
    channel: str, members: Mapping[str, Any] | None = None, **place: Any
) -> bytes:
    """
    :param members: user ids and infos of a presence channel; None for the other kinds.
    :param place: our own: ``epoch`` and ``offset`` the client now stands at, and ``recovered``.
    """
    data: dict[str, Any] = {}
    if members is not None:
        who = {"ids": list(members), "hash": dict(members), "count": len(members)}
        data = {"presence": who}
    return encode(SUBSCRIPTION_SUCCEEDED, compact(data), channel, **place)


def missed(channel: str, **place: Any) -> bytes:
    """Our own: events may have been missed for good.

    :param place: ``epoch`` and ``offset`` the client now stands at.
    """
    return encode("rf:missed", "{}", channel, **place)


def member_is_you(channel: str, user_id: str) -> bytes:
    """Our own: which member a client is that was let in without having asked for a signature."""
    return encode("rf:me", compact({"user_id": user_id}), channel)


def placed(message: bytes, epoch: str, offset: int) -> bytes:
    """``message`` with its place in a history; publish.lua does the same."""
    return b'%b,"epoch":"%b","offset":%d}' % (message[:-1], epoch.encode(), offset)


def subscription_error(channel: str, kind: str, message: str, status: int) -> bytes:
    data = {"type": kind, "error": message, "status": status}
    return encode(SUBSCRIPTION_ERROR, compact(data), channel)


def member_added(channel: str, user_id: str, user_info: Any) -> bytes:
    data = {"user_id": user_id, "user_info": user_info}
    return encode("pusher_internal:member_added", compact(data), channel)


def member_removed(channel: str, user_id: str) -> bytes:
    return encode("pusher_internal:member_removed", compact({"user_id": user_id}), channel)


def presence_change(channel: str, user_id: str, user_info: Any, joined: bool) -> bytes:
    """What is announced where a user's first socket joins or the last one leaves."""
    if channel.startswith(ONLINE):
        return watchlist_events("online" if joined else "offline", [user_id])
    if joined:
        return member_added(channel, user_id, user_info)
    return member_removed(channel, user_id)


def watchlist_events(name: str, user_ids: Sequence[str]) -> bytes:
    """:param name: ``online`` or ``offline``."""
    data = {"events": [{"name": name, "user_ids": list(user_ids)}]}
    return encode("pusher_internal:watchlist_events", compact(data))


def signin_success(user_data: str) -> bytes:
    return encode("pusher:signin_success", compact({"user_data": user_data}))


def cache_miss(channel: str) -> bytes:
    return encode("pusher:cache_miss", "{}", channel)


def subscription_count(channel: str, count: int) -> bytes:
    data = {"subscription_count": count}
    return encode("pusher_internal:subscription_count", compact(data), channel)


def link_changed(up: bool) -> bytes:
    """Our own: whether this server still hears the other servers."""
    return encode("rf:resumed" if up else "rf:interrupted", "{}")
