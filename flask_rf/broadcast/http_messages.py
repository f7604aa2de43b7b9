"""What callers of the HTTP API say, read and held to the rules. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import protocol
from .channel import Channel
from .channel import InvalidChannel
from .channel import parse_channel

MAX_CHANNELS = 100
MAX_BATCH = 10

_INFO = {"user_count", "subscription_count", "cache"}


class Refused(Exception):
    """A request that is not done; the text says why, for the caller's developer.

    :param status: of the response.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True)
class Event:
    """An event to publish.

    :param data: passed on as it is: SDKs have encoded it, and sealed it where need be.
    :param skip: id of the socket to leave out, or "".
    :param info: what the caller wants to know of the channels.
    """

    name: str
    data: str
    channels: tuple[str, ...]
    skip: str
    info: frozenset[str]


def parse_event(body: bytes, max_event: int) -> Event:
    """:raises Refused: 400 for what is against the rules, 413 for data over ``max_event`` bytes."""
    return _read_event(_object(body), max_event)


def parse_batch(body: bytes, max_event: int) -> list[Event]:
    """As :func:`parse_event`; one bad event refuses them all."""
    batch = _object(body).get("batch")
    if not isinstance(batch, list) or not all(isinstance(item, dict) for item in batch):
        raise Refused(400, "'batch' is no list of events")
    if not 0 < len(batch) <= MAX_BATCH:
        raise Refused(400, f"a batch has 1 to {MAX_BATCH} events, not {len(batch)}")
    return [_read_event({**item, "channels": None}, max_event) for item in batch]


def parse_info(fields: Mapping[str, Any]) -> frozenset[str]:
    """The attributes asked for by ``info``, separated by commas.

    :raises Refused: there is no such attribute.
    """
    info = fields.get("info") or ""
    names = frozenset(filter(None, info.split(","))) if isinstance(info, str) else {str(info)}
    if not names <= _INFO:
        raise Refused(400, f"'info' may name {', '.join(sorted(_INFO))}; not {info!r}")
    return frozenset(names)


def read_channel(name: Any) -> Channel:
    """:raises Refused: the name is outside the rules."""
    try:
        return parse_channel(name if isinstance(name, str) else "")
    except InvalidChannel as error:
        raise Refused(400, str(error)) from None


def data_of(payload: bytes) -> str:
    """The data of a message that clients receive."""
    return str(json.loads(payload)["data"])


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "the body is no JSON object")
    return found


def _read_event(fields: Mapping[str, Any], max_event: int) -> Event:
    name, data, skip = fields.get("name"), fields.get("data"), fields.get("socket_id")
    fault = protocol.event_fault(name)
    if fault is not None:
        raise Refused(400, fault)
    if not isinstance(data, str):
        raise Refused(400, "'data' is no text; encode it as JSON first")
    size = len(data.encode("utf-8", "replace"))
    if size > max_event:
        raise Refused(413, f"data of {size} bytes is more than BROADCAST_MAX_EVENT={max_event}")
    if skip is not None and not (isinstance(skip, str) and protocol.is_socket_id(skip)):
        raise Refused(400, "'socket_id' is not two numbers with a dot between them")
    return Event(str(name), data, _channels(fields), skip or "", parse_info(fields))


def _channels(fields: Mapping[str, Any]) -> tuple[str, ...]:
    names = fields.get("channels")
    if names is None:
        names = [fields.get("channel")]
    if not isinstance(names, list) or not 0 < len(names) <= MAX_CHANNELS:
        raise Refused(400, f"'channels' is no list of 1 to {MAX_CHANNELS} channels")
    return tuple(dict.fromkeys(read_channel(name).name for name in names))
