from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast.http_messages import Event
from flask_rf.broadcast.http_messages import MAX_CHANNELS
from flask_rf.broadcast.http_messages import parse_batch
from flask_rf.broadcast.http_messages import parse_event
from flask_rf.broadcast.http_messages import parse_info
from flask_rf.broadcast.http_messages import Refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
GOOD = {"name": "e", "channels": ["a"], "data": "1", "socket_id": "1.2", "info": "user_count"}


def body(**change: Any) -> bytes:
    return json.dumps({**GOOD, **change}).encode()


def test_an_event_is_read() -> None:
    event = parse_event(body(channels=["b", "a", "b"]), 10)
    assert event == Event("e", "1", ("b", "a"), "1.2", frozenset({"user_count"}))


def test_an_event_may_name_one_channel_and_need_not_name_a_socket() -> None:
    event = parse_event(b'{"name":"e","channel":"a","data":"","socket_id":null}', 10)
    assert event == Event("e", "", ("a",), "", frozenset())


def test_a_batch_is_for_one_channel_an_event() -> None:
    with pytest.raises(Refused, match="a channel name has"):
        parse_batch(json.dumps({"batch": [GOOD]}).encode(), 10)


def test_a_limit_is_what_is_still_taken() -> None:
    channels = [f"c{n}" for n in range(MAX_CHANNELS)]
    assert len(parse_event(body(channels=channels, data="ä" * 5), 10).channels) == MAX_CHANNELS
    with pytest.raises(Refused) as refused:
        parse_event(body(data="ä" * 6), 10)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", set()),
        ("user_count", {"user_count"}),
        ("cache,,user_count,cache", {"cache", "user_count"}),
    ],
)
def test_info_is_separated_by_commas(text: str, names: set[str]) -> None:
    assert parse_info({"info": text}) == names


@given(st.sampled_from([*GOOD, "channel"]), JSON)
def test_whatever_an_event_holds_is_read_or_refused_in_words(key: str, value: Any) -> None:
    for parse, content in (
        (parse_event, {**GOOD, key: value}),
        (parse_batch, {"batch": [{**GOOD, "channel": "a", key: value}]}),
        (parse_batch, {"batch": value}),
    ):
        try:
            parse(json.dumps(content).encode(), 100)
        except Refused as refused:
            assert refused.status in (400, 413)
            assert str(refused)


@given(st.binary())
def test_whatever_is_posted_is_read_or_refused(content: bytes) -> None:
    for parse in (parse_event, parse_batch):
        with pytest.raises(Refused):
            parse(content, 100)
