from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast import protocol
from flask_rf.broadcast.protocol import BadMessage
from flask_rf.broadcast.protocol import parse_message

anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_data_from_the_server_is_a_json_string() -> None:
    message = json.loads(protocol.connection_established("1.2", 120))
    assert message["event"] == "pusher:connection_established"
    assert json.loads(message["data"]) == {"socket_id": "1.2", "activity_timeout": 120}


def test_a_leave_is_known_by_its_beginning() -> None:
    assert protocol.member_removed("presence-a", "7").startswith(protocol.MEMBER_REMOVED)
    assert not protocol.member_added("presence-a", "7", None).startswith(protocol.MEMBER_REMOVED)


def test_an_empty_presence_hash_is_an_object() -> None:
    message = json.loads(protocol.subscription_succeeded("presence-a", {}))
    assert json.loads(message["data"]) == {"presence": {"ids": [], "hash": {}, "count": 0}}


def test_success_on_other_channels_has_empty_data() -> None:
    assert json.loads(protocol.subscription_succeeded("a"))["data"] == "{}"


def test_a_client_may_write_data_as_text_or_as_json() -> None:
    for data in ({"channel": "a"}, '{"channel":"a"}'):
        message = parse_message(json.dumps({"event": "pusher:subscribe", "data": data}))
        assert message.fields() == {"channel": "a"}


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "1", "null", '{"event":1}', '{"event":""}', "{}", "[" * 100_000]
    + ['{"event":"a","channel":1}', json.dumps({"event": "x" * 201})],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        parse_message(text)


@given(st.text() | anything.map(json.dumps))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_message(text).fields()
    except BadMessage:
        pass


@given(st.text(), st.text(), st.none() | st.text(), anything)
def test_every_message_is_json_whatever_is_in_it(
    event: str, data: str, channel: str | None, extra: Any
) -> None:
    message = json.loads(protocol.encode(event, data, channel, user_id=extra))
    assert (message["event"], message["data"]) == (event, data)


@pytest.mark.parametrize(
    ("text", "fits"), [("1.2", True), ("1", False), ("a.b", False), ("1.2\n", False), ("", False)]
)
def test_a_socket_id_is_two_numbers_with_a_dot(text: str, fits: bool) -> None:
    assert protocol.is_socket_id(text) is fits
