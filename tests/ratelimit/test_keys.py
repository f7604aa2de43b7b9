from __future__ import annotations

import pytest
from hypothesis import assume
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.ratelimit.keys import bounded
from flask_rf.ratelimit.keys import LONGEST_KEY
from flask_rf.ratelimit.keys import short


@given(st.text())
def test_a_bounded_key_is_short_encodable_and_says_one_thing(key: str) -> None:
    kept = bounded(key)

    assert len(kept.encode()) <= LONGEST_KEY
    assert bounded(key) == kept


@given(st.text(min_size=1, alphabet=st.characters(codec="utf-8"), max_size=LONGEST_KEY // 4))
def test_short_keys_are_kept_as_they_are(key: str) -> None:
    assume(not key.startswith("}"))
    assert bounded(key) == key


def test_a_key_that_cannot_be_encoded_becomes_a_digest() -> None:
    assert bounded("\udc80").startswith("#")


@pytest.mark.parametrize("key", ["}", "}ann", "}" + "ä" * 20])
def test_a_key_that_would_leave_no_hash_tag_becomes_a_digest(key: str) -> None:
    assert bounded(key).startswith("#")


def test_a_key_of_60_kilobytes_becomes_a_digest() -> None:
    assert len(bounded("k" * 60_000)) == 33
    assert bounded("k" * 60_000) != bounded("k" * 60_001)


def test_a_scope_is_short_and_ends_no_hash_tag() -> None:
    assert short("a{b}") == "a(b)"
    assert len(short("shop.orders.list_of_every_customer")) == 12
