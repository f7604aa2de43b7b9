"""How an event travels between processes: a fixed header, then the finished JSON.

Layout, big-endian: version (1 byte), time sent (8, Unix seconds as a double), lengths of the
socket to leave out and of the request's id (1 each), length of the epoch (1), offset in it (8),
the three texts, and the message as clients receive it. Receivers never parse the JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

VERSION = 2
_HEAD = struct.Struct(">BdBB")
_PLACE = struct.Struct(">BQ")
_TEXTS = _HEAD.size + _PLACE.size


class Envelope(NamedTuple):
    """An event on its way.

    :param payload: the message, UTF-8 JSON.
    :param sent: Unix time in seconds.
    :param skip: id of the socket that is not to receive it, or "".
    :param request_id: of the request that sent it, or "".
    :param epoch: with ``offset``, its place in the channel's history; "" and 0 if it has none.
    """

    payload: bytes
    sent: float
    skip: str = ""
    request_id: str = ""
    epoch: str = ""
    offset: int = 0


class BadEnvelope(ValueError):
    """Bytes that no process of this version wrote."""


def senders(events: Iterable[Envelope]) -> str:
    """For logs: the ids of the requests that sent events."""
    ids = sorted({event.request_id for event in events if event.request_id})
    return ", ".join(ids) or "none"


def pack(envelope: Envelope) -> bytes:
    head, texts, payload = pack_parts(envelope)
    epoch = envelope.epoch.encode()
    return b"".join((head, _PLACE.pack(len(epoch), envelope.offset), texts, epoch, payload))


def pack_parts(envelope: Envelope) -> tuple[bytes, bytes, bytes]:
    """What stands before, within and after an event's place, for whoever gives it one."""
    skip, request_id = _short(envelope.skip), _short(envelope.request_id)
    head = _HEAD.pack(VERSION, envelope.sent, len(skip), len(request_id))
    return head, skip + request_id, envelope.payload


def _short(text: str) -> bytes:
    """As much as there is room for, of whole characters: clients may send any ``X-Socket-ID``."""
    return text.encode("utf-8", "replace")[:255].decode(errors="ignore").encode()


def unpack(data: bytes) -> Envelope:
    """:raises BadEnvelope: another version, or cut short."""
    try:
        version, sent, skip_size, id_size = _HEAD.unpack_from(data)
        epoch_size, offset = _PLACE.unpack_from(data, _HEAD.size)
        skip_end = _TEXTS + skip_size
        id_end = skip_end + id_size
        payload = id_end + epoch_size
        if version != VERSION or len(data) < payload:
            raise ValueError
        return Envelope(
            data[payload:],
            sent,
            data[_TEXTS:skip_end].decode(),
            data[skip_end:id_end].decode(),
            data[id_end:payload].decode(),
            offset,
        )
    except (struct.error, ValueError):
        raise BadEnvelope(f"no envelope of version {VERSION}: {data[:12]!r}…") from None
