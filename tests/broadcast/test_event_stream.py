from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast import protocol
from flask_rf.broadcast.event_stream import About
from flask_rf.broadcast.event_stream import about
from flask_rf.broadcast.event_stream import AT_ONCE
from flask_rf.broadcast.event_stream import CUT
from flask_rf.broadcast.event_stream import event
from flask_rf.broadcast.event_stream import events
from flask_rf.broadcast.event_stream import Places
from flask_rf.broadcast.event_stream import retry
from flask_rf.broadcast.history import Position
from flask_rf.broadcast.history import read_since
from flask_rf.broadcast.history import Since
from flask_rf.broadcast.wire import close_frame
from flask_rf.broadcast.wire import ping_frame
from flask_rf.broadcast.wire import text_frame

CHANNELS = ("a", "b", "c")

letters = st.text("0123456789abcdefXYZ", min_size=1, max_size=32)
places = st.one_of(st.none(), st.builds(Position, letters, st.integers(0, 2**53 - 1)))


def subscribed(channel: str, **place: Any) -> bytes:
    return protocol.subscription_succeeded(channel, **place)


def placed(channel: str, offset: int, epoch: str = "e") -> bytes:
    return protocol.placed(protocol.encode("n", "1", channel), epoch, offset)


def settled(channels: tuple[str, ...] = CHANNELS, last_id: str = "", **heard: int) -> Places:
    """The places of a stream that has been answered for all its channels."""
    stream = Places("1.2", channels, last_id)
    for channel in channels:
        place = {"epoch": "e", "offset": heard[channel]} if channel in heard else {}
        stream.after(subscribed(channel, **place))
    return stream


# Events


def test_a_frame_becomes_an_event_and_a_burst_several() -> None:
    frames = text_frame(subscribed("a")) + text_frame(placed("a", 7))
    first, second, rest = events(frames, settled(("a",))).split(b"\n\n")
    assert first == b"id: 1.2,\ndata: " + subscribed("a")
    assert second == b"id: 1.2,e:7\ndata: " + placed("a", 7)
    assert rest == b""


def test_an_event_that_moves_nothing_has_no_id() -> None:
    message = protocol.encode("n", "1", "a")
    assert events(text_frame(message), settled(a=7)) == b"data: " + message + b"\n\n"


@given(st.text(), st.text(max_size=150))
def test_whatever_is_sent_an_event_is_one_line_of_data(data: str, name: str) -> None:
    message = protocol.encode(name, data, "a")
    lines = re.split(rb"\r\n|\r|\n", event(message))  # what ends a line, by the standard
    assert lines == [b"data: " + message, b"", b""]


def milliseconds(line: bytes) -> int:
    found = re.fullmatch(rb"retry: (\d+)\n\n", line)
    assert found
    return int(found[1])


@pytest.mark.parametrize(("code", "between"), [(4200, AT_ONCE), (4100, CUT), (4009, CUT)])
def test_a_close_says_when_to_come_back(code: int, between: tuple[float, float]) -> None:
    told = milliseconds(events(close_frame(code, "why"), settled()))
    assert between[0] * 1000 <= told <= between[1] * 1000


def test_streams_that_end_together_do_not_come_back_together() -> None:
    assert len({milliseconds(retry(CUT)) for _ in range(20)}) > 10


def test_a_sockets_ping_is_no_event() -> None:
    assert events(ping_frame(), settled()) == b""


names = st.text(min_size=1, max_size=200)


@given(names, st.text(), st.none() | st.text(), places, st.none() | st.booleans())
def test_the_ends_of_a_message_tell_what_parsing_it_would(
    name: str, data: str, user_id: str | None, place: Position | None, recovered: bool | None
) -> None:
    told = {} if user_id is None else {"user_id": user_id}
    told |= place._asdict() if place else {}
    told |= {} if recovered is None else {"recovered": recovered}
    message = protocol.encode(name, data, "chat", **told)
    parsed = json.loads(message)
    wanted = f"{parsed['epoch']}:{parsed['offset']}" if place else ""
    event = json.dumps(parsed["event"], ensure_ascii=False)[1:-1]
    assert about(message) == About(event, "chat", wanted, parsed.get("recovered") is False)


@pytest.mark.parametrize(
    "data", ['","epoch":"e","offset":7}', '{"epoch":"e","offset":7}', ',"recovered":false}', "\\"]
)
def test_data_that_looks_like_a_messages_end_is_data(data: str) -> None:
    for told in ({}, {"user_id": data}):
        assert about(protocol.encode(data, data, "a", **told))[2:] == ("", False)


def test_messages_of_no_channel_are_of_none() -> None:
    assert about(protocol.connection_established("1.2", 120)).channel == ""


# Ids


def recovers(stream: Places) -> list[Since | None]:
    return [read_since(stream.recover(channel)) for channel in CHANNELS]


@given(st.lists(places, min_size=3, max_size=3))
def test_an_id_brings_its_places_back(heard: list[Position | None]) -> None:
    stream = settled()
    for channel, place in zip(CHANNELS, heard, strict=True):
        if place:
            stream.after(placed(channel, place.offset, place.epoch))
    assert recovers(Places("3.4", CHANNELS, str(stream))) == [
        place and Since(place, "1.2") for place in heard
    ]


@given(st.text() | st.from_regex(r"1\.2,([^,]*),([^,]*),([^,]*)"))
def test_whatever_id_somebody_sends_is_read_or_known_to_be_none(last_id: str) -> None:
    stream = Places("3.4", CHANNELS, last_id)
    assert all(since is None or isinstance(since, Since) for since in recovers(stream))
    assert re.fullmatch(r"[0-9.]+(,([0-9a-zA-Z]+:[0-9]+|\?)?)*", str(stream))


def test_without_an_id_nothing_is_asked_back() -> None:
    assert recovers(Places("3.4", CHANNELS, "")) == [None] * 3


@pytest.mark.parametrize("last_id", ["1.2,e:1", "1.2,e:1,e:1,e:1,e:1", "nonsense", "1.2,?,?,?"])
def test_an_id_of_other_channels_is_no_place_of_any(last_id: str) -> None:
    assert recovers(Places("3.4", CHANNELS, last_id)) == [Since(None)] * 3


def test_who_is_cut_off_before_all_is_answered_starts_from_where_it_had_been() -> None:
    stream = Places("3.4", CHANNELS, "1.2,e:5,e:6,")
    stream.after(subscribed("a", epoch="e", offset=5, recovered=True))
    assert str(stream) == "1.2,e:5,e:6,"
    stream.after(placed("a", 8))
    assert str(stream) == "1.2,e:8,e:6,"
    stream.after(protocol.subscription_error("c", "AuthError", "no", 403))
    stream.after(subscribed("b", epoch="f", offset=0, recovered=False))
    assert str(stream) == "3.4,e:8,f:0,"


def test_a_channel_that_lost_its_history_has_no_place_any_more() -> None:
    stream = Places("3.4", CHANNELS, "1.2,e:5,,")
    assert stream.after(subscribed("a", recovered=False)) == "1.2,,,"


def test_a_loss_found_by_the_server_moves_the_place() -> None:
    assert settled(a=7).after(protocol.missed("a", epoch="f", offset=3)) == "1.2,f:3,,"


@pytest.mark.parametrize(
    "message",
    [
        protocol.connection_established("1.2", 120),
        protocol.encode("n", "1", "elsewhere"),
        placed("elsewhere", 9),
        protocol.missed("a"),
        protocol.encode("n", json.dumps({"epoch": "x", "offset": 9}), "a"),
    ],
)
def test_other_messages_move_nothing(message: bytes) -> None:
    stream = settled(a=7)
    assert (stream.after(message), str(stream)) == ("", "1.2,e:7,,")
