from __future__ import annotations

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast.envelope import BadEnvelope
from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.envelope import pack
from flask_rf.broadcast.envelope import unpack

short = st.text(alphabet=st.characters(max_codepoint=127), max_size=255)


offsets = st.integers(min_value=0, max_value=2**53)


@given(st.binary(), st.floats(allow_nan=False), short, short, short, offsets)
def test_what_is_packed_is_unpacked(
    payload: bytes, sent: float, skip: str, ident: str, epoch: str, offset: int
) -> None:
    envelope = Envelope(payload, sent, skip, ident, epoch, offset)
    assert unpack(pack(envelope)) == envelope


@given(st.text(max_size=300), st.text(max_size=300))
@example("\u00e9" * 128, "\U0001f600" * 64)  # byte 255 is within a character
@example("\ud800", "")
def test_whatever_clients_call_their_sockets_the_event_is_read(skip: str, ident: str) -> None:
    found = unpack(pack(Envelope(b"{}", 1.0, skip, ident)))
    assert found.payload == b"{}"
    for short, long in ((found.skip, skip), (found.request_id, ident)):
        assert long.encode("utf-8", "replace").decode().startswith(short)


@given(st.binary())
def test_any_bytes_are_unpacked_or_refused(data: bytes) -> None:
    try:
        assert data.endswith(unpack(data).payload)
    except BadEnvelope:
        pass


def test_another_version_is_refused() -> None:
    data = bytearray(pack(Envelope(b"{}", 1.0)))
    data[0] = 1
    with pytest.raises(BadEnvelope, match="version 2"):
        unpack(bytes(data))


def test_a_cut_header_is_refused() -> None:
    data = pack(Envelope(b"", 1.0, "1.1", "an-id", "epoch", 7))
    for size in range(len(data)):
        with pytest.raises(BadEnvelope):
            unpack(data[:size])
