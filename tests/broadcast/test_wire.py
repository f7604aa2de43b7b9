from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection
from wsproto.connection import ConnectionType

from flask_rf.broadcast.wire import CLOSE
from flask_rf.broadcast.wire import close_frame
from flask_rf.broadcast.wire import Closed
from flask_rf.broadcast.wire import ping_frame
from flask_rf.broadcast.wire import Received
from flask_rf.broadcast.wire import Reply
from flask_rf.broadcast.wire import TEXT
from flask_rf.broadcast.wire import Text
from flask_rf.broadcast.wire import text_frame
from flask_rf.broadcast.wire import unframed
from flask_rf.broadcast.wire import Wire


def wire(max_size: int = 1000) -> Wire:
    return Wire(Connection(ConnectionType.SERVER), max_size)


def frame(opcode: int, payload: bytes, *, last: bool = True, masked: bool = True) -> bytes:
    """A client's frame, written out by RFC 6455, 5.2."""
    first = opcode | (0x80 if last else 0)
    size = len(payload)
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mask_bit | size))
    elif size < 65536:
        head = struct.pack(">BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack(">BBQ", first, mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def fed(data: bytes, max_size: int = 1000) -> list[Received]:
    return list(wire(max_size).feed(data))


def code_of(received: list[Received]) -> int:
    assert isinstance(received[-1], Closed)
    return received[-1].code


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_our_frames_are_what_a_client_reads(size: int) -> None:
    client = Connection(ConnectionType.CLIENT)
    payload = b"x" * size
    client.receive_data(text_frame(payload))
    assert "".join(event.data for event in client.events()) == payload.decode()


@given(st.lists(st.integers(0, 130) | st.sampled_from([65535, 65536, 70000]), max_size=6))
def test_finished_frames_come_apart_as_they_were_joined(sizes: list[int]) -> None:
    payloads = [bytes((number,)) * size for number, size in enumerate(sizes)]
    frames = b"".join(text_frame(payload) for payload in payloads) + close_frame(4200, "bye")
    *texts, (opcode, close) = unframed(frames)
    assert texts == [(TEXT, payload) for payload in payloads]
    assert (opcode, close) == (CLOSE, b"\x10\x68bye")


def test_a_close_frame_is_cut_to_what_a_control_frame_holds() -> None:
    data = close_frame(4200, "ä" * 200)
    assert len(data) == 2 + 125 - 1  # no half character
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    (event,) = client.events()
    assert (event.code, event.reason) == (4200, "ä" * 61)


def test_a_message_arrives_whole_however_it_was_cut() -> None:
    data = frame(1, "wörld".encode())
    reader = wire()
    received = [r for i in range(len(data)) for r in reader.feed(data[i : i + 1])]
    assert received == [Text("wörld")]


def test_fragments_are_joined_and_control_frames_may_come_between() -> None:
    data = frame(1, b"ab", last=False) + frame(9, b"hey") + frame(0, b"cd")
    pong, text = fed(data)
    assert isinstance(pong, Reply) and pong.data == b"\x8a\x03hey"
    assert text == Text("abcd")


def test_several_messages_in_one_read_come_in_order() -> None:
    assert fed(frame(1, b"a") + frame(1, b"b")) == [Text("a"), Text("b")]


def test_an_unmasked_frame_is_a_protocol_error() -> None:
    assert code_of(fed(frame(1, b"a", masked=False))) == 1002


def test_bad_utf8_is_refused() -> None:
    assert code_of(fed(frame(1, b"\xff\xfe"))) == 1007


def test_binary_messages_are_refused() -> None:
    assert code_of(fed(frame(2, b"a"))) == 1003


def test_a_large_message_is_refused_before_it_is_complete() -> None:
    data = frame(1, b"x" * 1_000_000)[:2000]
    assert code_of(fed(data)) == 1009


def test_fragments_without_end_are_refused() -> None:
    data = frame(1, b"x" * 100, last=False) + frame(0, b"x" * 100, last=False) * 20
    assert code_of(fed(data)) == 1009


def test_empty_fragments_without_end_are_not_kept() -> None:
    reader = wire()
    list(reader.feed(frame(1, b"", last=False) + frame(0, b"", last=False) * 1000))
    assert reader._parts == []
    assert list(reader.feed(frame(0, b"{}"))) == [Text("{}")]


def test_the_limit_is_for_one_message_not_for_the_connection() -> None:
    assert fed(frame(1, b"x" * 900) * 3) == [Text("x" * 900)] * 3


def test_a_close_is_answered_with_its_code() -> None:
    (closed,) = fed(frame(8, struct.pack(">H", 1001)))
    assert closed == Closed(1001, close_frame(1001), by_peer=True)


def test_a_close_without_a_code_is_answered_as_normal() -> None:
    (closed,) = fed(frame(8, b""))
    assert closed == Closed(1000, close_frame(1000), by_peer=True)


@pytest.mark.parametrize(
    "end",
    [frame(8, b""), frame(1, b"\xff"), b"\xff\xff", frame(2, b"")],
    ids=["a close", "no text", "no frame", "bytes"],
)
def test_nothing_is_read_after_the_end(end: bytes) -> None:
    reader = wire()
    assert len(list(reader.feed(end + frame(1, b"late")))) == 1
    assert list(reader.feed(frame(1, b"later"))) == []


def test_a_ping_of_ours_is_a_ping() -> None:
    assert ping_frame() == b"\x89\x00"


@given(st.lists(st.binary(max_size=200)))
def test_no_bytes_raise(chunks: list[bytes]) -> None:
    reader = wire()
    for chunk in chunks:
        if any(isinstance(received, Closed) for received in reader.feed(chunk)):
            return
