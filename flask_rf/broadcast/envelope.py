"""How an event travels between processes: a fixed header, then the finished JSON.

Layout, big-endian: version (1 byte), time sent (8, Unix seconds as a double),
lengths of the two texts (1 each), the socket to leave out, the request's id, and
the message as clients receive it. Receivers never parse the JSON.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

VERSION = 1
_HEADER = struct.Struct(">BdBB")


class Envelope(NamedTuple):
    """An event on its way.

    :param payload: the message, UTF-8 JSON.
    :param sent: Unix time in seconds.
    :param skip: id of the socket that is not to receive it, or "".
    :param request_id: of the request that sent it, or "".
    """

    payload: bytes
    sent: float
    skip: str = ""
    request_id: str = ""


class BadEnvelope(ValueError):
    """Bytes that no process of this version wrote."""


def pack(envelope: Envelope) -> bytes:
    skip, request_id = envelope.skip.encode()[:255], envelope.request_id.encode()[:255]
    header = _HEADER.pack(VERSION, envelope.sent, len(skip), len(request_id))
    return b"".join((header, skip, request_id, envelope.payload))


def unpack(data: bytes) -> Envelope:
    """:raises BadEnvelope: another version, or cut short."""
    try:
        version, sent, skip_size, id_size = _HEADER.unpack_from(data)
        start = _HEADER.size + skip_size
        skip, request_id = data[_HEADER.size : start], data[start : start + id_size]
        if version != VERSION or len(data) < start + id_size:
            raise ValueError
        return Envelope(data[start + id_size :], sent, skip.decode(), request_id.decode())
    except (struct.error, ValueError):
        raise BadEnvelope(f"no envelope of version {VERSION}: {data[:12]!r}…") from None
