"""Leave in a URL: for one thing, for a while."""

from __future__ import annotations

from dataclasses import fields
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.storage.signature import is_signed
from flask_rf.storage.signature import Leave
from flask_rf.storage.signature import lifetime
from flask_rf.storage.signature import MAX_SECONDS
from flask_rf.storage.signature import read_query
from flask_rf.storage.signature import sign

KEY, OTHER = b"the key of today", b"the key of yesterday"
LEAVE = Leave("GET", "uploads", "a/b.txt", expires=1000)


def test_what_is_signed_is_allowed_until_it_expires() -> None:
    signature = sign(KEY, LEAVE)
    assert is_signed([KEY], LEAVE, signature, now=999.9)
    assert not is_signed([KEY], LEAVE, signature, now=1000)


def test_every_key_is_accepted_while_keys_change() -> None:
    signature = sign(OTHER, LEAVE)
    assert is_signed([KEY, OTHER], LEAVE, signature, now=0)
    assert not is_signed([KEY], LEAVE, signature, now=0)
    assert not is_signed([], LEAVE, signature, now=0)


OTHERS: dict[str, Any] = {
    "method": "PUT",
    "disk": "private",
    "path": "a/c.txt",
    "expires": 2000,
    "content_type": "text/html",
    "size": 0,
    "max_bytes": 10,
    "name": "b.exe",
}


@pytest.mark.parametrize("field", [field.name for field in fields(Leave)])
def test_leave_for_one_thing_is_none_for_another(field: str) -> None:
    other = replace(LEAVE, **{field: OTHERS[field]})
    assert not is_signed([KEY], other, sign(KEY, LEAVE), now=0)


@pytest.mark.parametrize("forged", ["", "A" * 43, "ü", "\udcff", sign(KEY, LEAVE)[:-1]])
def test_a_forged_signature_is_none(forged: str) -> None:
    assert not is_signed([KEY], LEAVE, forged, now=0)


def test_fields_do_not_run_into_each_other() -> None:
    one = Leave("PUT", "uploads", "a", 1, "text/x", name="b")
    two = Leave("PUT", "uploads", "a1", 1, "text/xb")
    assert sign(KEY, one) != sign(KEY, two)


leaves = st.builds(
    Leave,
    st.sampled_from(["GET", "PUT"]),
    st.just("uploads"),
    st.just("a/b.txt"),
    st.integers(0, 2**40),
    st.sampled_from(["", "image/png"]),
    st.none() | st.integers(0, 2**43),
    st.none() | st.integers(0, 2**43),
    st.text(max_size=5),
)


@given(leaves)
def test_a_query_says_all_of_a_leave(leave: Leave) -> None:
    query = leave.query() | {"signature": sign(KEY, leave)}
    assert read_query(leave.method, leave.disk, leave.path, query) == leave


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"expires": "soon"},
        {"expires": "+1000"},
        {"expires": " 1000"},
        {"expires": "1_000"},
        {"expires": "١٠٠٠"},
        {"expires": "1000", "size": "1e3"},
        {"expires": "1000", "name": ""},
        {"expires": "1000", "other": "1"},
    ],
)
def test_a_query_is_written_in_one_way_only(query: dict[str, str]) -> None:
    assert read_query("GET", "uploads", "a", query) is None


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [(1, 1), (60.9, 60), (MAX_SECONDS, MAX_SECONDS), (timedelta(minutes=5), 300)],
)
def test_lifetimes_are_seconds(given_: Any, seconds: int) -> None:
    assert lifetime(given_) == seconds


@pytest.mark.parametrize("given_", [0, -1, 0.5, MAX_SECONDS + 1, timedelta(8), True, float("nan")])
def test_lifetimes_are_a_second_to_seven_days(given_: Any) -> None:
    with pytest.raises(ValueError, match="write 1 to 604800 seconds"):
        lifetime(given_)
