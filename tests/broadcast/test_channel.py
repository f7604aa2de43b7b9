from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast.channel import InvalidChannel
from flask_rf.broadcast.channel import parse_channel
from flask_rf.broadcast.channel import Pattern


@pytest.mark.parametrize(
    ("name", "kind", "base"),
    [
        ("chat", "", "chat"),
        ("privateer", "", "privateer"),
        ("private", "", "private"),
        ("private-orders.7", "private-", "orders.7"),
        ("private-encrypted-x", "private-encrypted-", "x"),
        ("private-encrypted-cache-x", "private-encrypted-cache-", "x"),
        ("private-cache-x", "private-cache-", "x"),
        ("presence-room", "presence-", "room"),
        ("presence-cache-room", "presence-cache-", "room"),
        ("cache-news", "cache-", "news"),
        ("#server-to-user-7", "#server-to-user-", "7"),
    ],
)
def test_a_kind_is_an_exact_prefix_with_its_hyphen(name: str, kind: str, base: str) -> None:
    channel = parse_channel(name)
    assert (channel.name, channel.kind, channel.base) == (name, kind, base)


def test_only_private_and_presence_channels_are_guarded() -> None:
    guarded = [n for n in ("a", "cache-a", "private-a", "presence-a") if parse_channel(n).guarded]
    assert guarded == ["private-a", "presence-a"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "ä", "x" * 201, "a\n", "#other", "a#"])
def test_a_name_outside_the_rules_is_refused(name: str) -> None:
    with pytest.raises(InvalidChannel):
        parse_channel(name)


@given(st.text())
def test_any_text_is_parsed_or_refused(name: str) -> None:
    try:
        channel = parse_channel(name)
    except InvalidChannel:
        return
    assert channel.kind + channel.base == name


def test_a_placeholder_matches_anything_but_a_dot() -> None:
    pattern = Pattern("private-orders.{order_id}.items.{item}")
    match = pattern.match(parse_channel("private-orders.7.items.a-b"))
    assert match == {"order_id": "7", "item": "a-b"}
    assert pattern.match(parse_channel("private-orders.7.8.items.a")) is None
    assert pattern.match(parse_channel("private-orders..items.a")) is None


def test_a_pattern_with_a_kind_covers_that_kind_only() -> None:
    pattern = Pattern("private-{x}")
    assert pattern.match(parse_channel("private-a")) == {"x": "a"}
    assert pattern.match(parse_channel("private-encrypted-a")) is None
    assert pattern.match(parse_channel("presence-a")) is None


def test_a_pattern_without_a_kind_covers_every_guarded_kind() -> None:
    pattern = Pattern("orders.{id}")
    for name in ("private-orders.7", "presence-orders.7", "private-encrypted-orders.7"):
        assert pattern.match(parse_channel(name)) == {"id": "7"}


def test_the_text_of_a_pattern_is_no_regular_expression() -> None:
    assert Pattern("private-a.b").match(parse_channel("private-a=b")) is None


@pytest.mark.parametrize("text", ["", "a b", "cache-news", "private-{a}.{a}", "private-{a b}"])
def test_a_pattern_that_can_match_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidChannel):
        Pattern(text)
