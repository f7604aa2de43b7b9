from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf import ConfigurationError
from flask_rf.broadcast.history import Histories
from flask_rf.broadcast.history import History
from flask_rf.broadcast.history import Position
from flask_rf.broadcast.history import read_since
from flask_rf.broadcast.history import Since


def declared(*patterns: tuple[str, int]) -> Histories:
    histories = Histories()
    for pattern, size in patterns:
        histories.declare(pattern, size, 60)
    return histories


def test_a_pattern_gives_its_channels_a_history_and_no_others() -> None:
    histories = declared(("chat.{room}", 10))
    assert histories.of("chat.1") == History(10, 60)
    assert histories.of("chat.1.2") is histories.of("news") is None


def test_a_pattern_without_a_kind_covers_public_channels_too() -> None:
    histories = declared(("chat", 10))
    assert all(histories.of(name) for name in ("chat", "cache-chat", "private-chat"))
    assert declared(("cache-chat", 10)).of("cache-chat")
    assert not declared(("private-chat", 10)).of("chat")


def test_the_first_pattern_that_fits_decides() -> None:
    histories = declared(("chat.main", 1), ("chat.{room}", 2))
    assert [histories.of(name).size for name in ("chat.main", "chat.b")] == [1, 2]  # type: ignore[union-attr]


def test_a_pattern_declared_later_counts_from_then_on() -> None:
    histories = declared()
    assert histories.of("chat") is None
    histories.declare("chat", 5, 60)
    assert histories.of("chat") == History(5, 60)


@pytest.mark.parametrize("size", [0, -1, 10_001, "100", 1.5, True, None])
def test_a_size_that_cannot_be_meant_is_refused(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="history of chat.*from 1 to 10000"):
        Histories().declare("chat", size, 60)


@pytest.mark.parametrize("ttl", [0, 604_801, "60"])
def test_a_time_that_cannot_be_meant_is_refused(ttl: Any) -> None:
    with pytest.raises(ConfigurationError, match="ttl of chat.*from 1 to 604800"):
        Histories().declare("chat", 10, ttl)


def test_a_pattern_that_covers_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="history='a b'"):
        Histories().declare("a b", 10, 60)


def test_a_client_says_up_to_where_it_has_heard() -> None:
    assert read_since(None) is None
    assert read_since({"epoch": "e", "offset": 7}) == Since(Position("e", 7))
    with_socket = read_since({"epoch": "e", "offset": 7, "socket_id": "1.2"})
    assert with_socket == Since(Position("e", 7), "1.2")


@pytest.mark.parametrize(
    "said",
    [
        *({}, [], "e", 7, {"epoch": "e"}, {"offset": 7}, {"epoch": 1, "offset": 7}),
        *({"epoch": "e", "offset": n} for n in (-1, 1.5, "7", True, None, 2**53, 1e300)),
        *({"epoch": e, "offset": 7} for e in ("", "a b", "x" * 33, "é", "a\n")),
    ],
)
def test_what_is_no_position_is_a_wish_that_cannot_be_met(said: Any) -> None:
    assert read_since(said) == Since(None)


def test_a_former_socket_id_that_is_none_is_passed_over() -> None:
    for socket_id in ("x", 7, None, "1.2.3"):
        said = {"epoch": "e", "offset": 7, "socket_id": socket_id}
        assert read_since(said) == Since(Position("e", 7))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.fixed_dictionaries({}, optional={k: _json for k in ("epoch", "offset", "socket_id")}))
def test_whatever_a_client_says_is_no_error(said: dict[str, Any]) -> None:
    since = read_since(json.loads(json.dumps(said)))
    assert since is not None
    assert since.position is None or since.position.offset >= 0
