from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_rf import kinds
from flask_rf.redis import redis_url

KINDS: dict[str, kinds.Kind[Any]] = {
    "boolean": kinds.boolean,
    "text": kinds.text,
    "anything": kinds.anything,
    "function": kinds.function,
    "whole": kinds.whole(),
    "whole in a range": kinds.whole(1, 9),
    "number": kinds.number(),
    "number in a range": kinds.number(0.001, 5),
    "choice": kinds.choice("redis", "memory"),
    "strings": kinds.strings,
    "mapping": kinds.mapping,
    "networks": kinds.networks,
    "url_path": kinds.url_path("/health"),
    "listener": kinds.listener,
    "optional": kinds.optional(kinds.number()),
    "either": kinds.either(kinds.function, kinds.choice("always", "never")),
    "redis_url": redis_url,
}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner)
        | st.sets(st.text())
    ),
    max_leaves=5,
)
urls = st.from_regex(r"(redis|rediss|unix|redis\+sentinel|redis\+cluster)://[\[\]:@,/0-9a-z?#%]*")
addresses = st.from_regex(r"[0-9a-f:.%/, \[\]]*")


@pytest.mark.parametrize("name", KINDS)
@given(raw=values | urls | addresses)
@example(raw=10**400)
@example(raw="9" * 5000)
@example(raw="[" * 100_000)
@example(raw="\x00")
@example(raw="\ud800")
@example(raw="redis://[::1")
@example(raw="1e400")
def test_a_kind_returns_or_raises_value_error_with_a_remedy(name: str, raw: object) -> None:
    try:
        KINDS[name](raw)
    except ValueError as error:
        assert str(error)
        assert "\n" not in str(error)


def accepted(kind: Callable[[Any], Any], raw: object) -> bool:
    try:
        kind(raw)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("raw", [True, 1, "true", "TRUE", " yes ", "on", "1"])
def test_boolean_yes(raw: object) -> None:
    assert kinds.boolean(raw) is True


@pytest.mark.parametrize("raw", [False, 0, "false", "No", "off\n", "0"])
def test_boolean_no(raw: object) -> None:
    assert kinds.boolean(raw) is False


@pytest.mark.parametrize("raw", [None, 2, "y", "maybe", "", [], b"true"])
def test_boolean_neither(raw: object) -> None:
    with pytest.raises(ValueError, match="^write true or false$"):
        kinds.boolean(raw)


def test_text_is_stripped_and_never_empty() -> None:
    assert kinds.text(" shop\n") == "shop"
    with pytest.raises(ValueError, match="write some text"):
        kinds.text(" \n")


def test_function_takes_what_can_be_called() -> None:
    assert kinds.function(len) is len
    with pytest.raises(ValueError, match="give a function, in app.config or as an argument"):
        kinds.function("len")


@pytest.mark.parametrize(("raw", "value"), [(1, 1), ("9", 9), (" 5\n", 5)])
def test_whole_takes_numbers_of_its_range(raw: object, value: int) -> None:
    assert kinds.whole(1, 9)(raw) == value


@pytest.mark.parametrize("raw", [0, 10, "ten", "5.0", 5.0, True, False, None, "", b"5"])
def test_whole_refuses_what_is_none_or_out_of_range(raw: object) -> None:
    with pytest.raises(ValueError, match="^write a whole number from 1 to 9$"):
        kinds.whole(1, 9)(raw)


def test_whole_may_be_without_an_upper_limit() -> None:
    assert kinds.whole(1)("12345678901234567890") == 12345678901234567890
    with pytest.raises(ValueError, match="^write a whole number of at least 1$"):
        kinds.whole(1)(0)


def test_no_truth_value_is_a_number() -> None:
    assert not any(
        accepted(kind, raw) for kind in (kinds.whole(), kinds.number()) for raw in (True, False)
    )


@pytest.mark.parametrize(("raw", "value"), [(1, 1.0), ("0.25", 0.25), ("5e-1", 0.5)])
def test_number_takes_numbers_of_its_range(raw: object, value: float) -> None:
    assert kinds.number(0.1, 5)(raw) == value


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf", float("nan"), 10**400, "half", None, [1]])
def test_number_refuses_what_is_not_finite(raw: object) -> None:
    with pytest.raises(ValueError, match="^write a number of at least 0$"):
        kinds.number()(raw)


def test_choice_takes_one_of_its_words_in_any_case() -> None:
    assert kinds.choice("redis", "memory")(" Redis ") == "redis"
    with pytest.raises(ValueError, match="^write local, allow or deny$"):
        kinds.choice("local", "allow", "deny")("lokal")
    with pytest.raises(ValueError, match="^write always$"):
        kinds.choice("always")(None)


@pytest.mark.parametrize("raw", ["a, b,,", ["a", "b"], ("a", "b"), {"a": 1, "b": 2}.keys()])
def test_strings_takes_commas_and_collections(raw: object) -> None:
    assert kinds.strings(raw) == ("a", "b")


@pytest.mark.parametrize("raw", [None, 5, [1], b"a", {"a": 1}, iter(["a"])])
def test_strings_refuses_all_else(raw: object) -> None:
    assert not accepted(kinds.strings, raw)


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_mapping_takes_mappings_and_their_json(value: dict[str, object]) -> None:
    assert kinds.mapping(value) == value
    assert kinds.mapping(json.dumps(value)) == value


def test_mapping_is_a_copy() -> None:
    given = {"a": 1}
    assert kinds.mapping(given) is not given


@pytest.mark.parametrize("raw", ["", "{", "[1]", "null", None, [("a", 1)], "[" * 100_000])
def test_mapping_refuses_all_else(raw: object) -> None:
    with pytest.raises(ValueError, match="^write a mapping, as JSON in the environment$"):
        kinds.mapping(raw)


def test_networks_take_addresses_and_host_bits() -> None:
    assert kinds.networks("10.1.2.3/8, ::1") == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )


def test_networks_mapped_into_ipv6_are_ipv4_as_the_addresses_in_them() -> None:
    written = "::ffff:10.0.0.0/104, ::ffff:192.0.2.1, ::ffff:0:0/96, ::/0"
    assert [str(network) for network in kinds.networks(written)] == [
        "10.0.0.0/8",
        "192.0.2.1/32",
        "0.0.0.0/0",
        "::/0",
    ]


def test_networks_name_the_one_they_refuse() -> None:
    with pytest.raises(ValueError, match="^'10.0.0.0/33' is no IP network; write one like"):
        kinds.networks(["::1", "10.0.0.0/33"])


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (9464, ("127.0.0.1", 9464)),
        ("9464", ("127.0.0.1", 9464)),
        (" 0.0.0.0:1 ", ("0.0.0.0", 1)),
        ("metrics.internal:65535", ("metrics.internal", 65535)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_listener_takes_a_port_or_an_address_and_a_port(
    raw: object, place: tuple[str, int]
) -> None:
    assert kinds.listener(raw) == place


@pytest.mark.parametrize(
    "raw",
    ["", "http", "0", "65536", "::1:9464", "[127.0.0.1]:1", "a:b", "tcp://10.0.0.11:6379", None],
)
def test_listener_refuses_what_nobody_can_listen_on(raw: object) -> None:
    with pytest.raises(ValueError, match="write a port, or an address and a port"):
        kinds.listener(raw)


def test_optional_takes_none() -> None:
    assert kinds.optional(kinds.whole())(None) is None
    assert kinds.optional(kinds.whole())("5") == 5
    assert not accepted(kinds.optional(kinds.whole()), "five")


def test_either_takes_what_the_first_kind_takes_and_says_the_last_ones_remedy() -> None:
    kind = kinds.either(kinds.whole(), kinds.boolean, kinds.choice("auto"))
    assert [kind("1"), kind("no"), kind("auto")] == [1, False, "auto"]
    with pytest.raises(ValueError, match="^write auto$"):
        kind("often")


@pytest.mark.parametrize("raw", ["/health", "/in.side/~me/..a/", " /a-b/c_d "])
def test_url_path_takes_what_a_client_can_ask_for(raw: str) -> None:
    assert kinds.url_path("/health")(raw) == raw.strip().rstrip("/")


@pytest.mark.parametrize(
    "raw",
    ["/..", "/../health", "/a/../b", "/a/.", "/./a", "/", "//a", "a", "/a b", "/<a>", "/é"],
)
def test_url_path_refuses_dot_segments_and_what_is_no_plain_path(raw: object) -> None:
    with pytest.raises(ValueError, match="^write a path like /health$"):
        kinds.url_path("/health")(raw)
