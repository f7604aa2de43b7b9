from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast.signature import BadSignature
from flask_rf.broadcast.signature import MAX_SKEW
from flask_rf.broadcast.signature import request_text
from flask_rf.broadcast.signature import sign
from flask_rf.broadcast.signature import Signer

# The example of Pusher's documentation of private channels.
SECRET = "7ad3773142a6692b25b8"
SIGNATURE = "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
SIGNER = Signer("278d425bdf160c739803", (SECRET,))


def test_the_documented_example_is_signed_alike() -> None:
    assert sign(SECRET, "1234.1234:private-foobar") == SIGNATURE
    leave = SIGNER.channel("1234.1234", "private-foobar")
    assert leave == f"278d425bdf160c739803:{SIGNATURE}"


def test_a_signature_holds_for_its_socket_channel_and_data_only() -> None:
    leave = SIGNER.channel("1.1", "presence-a", '{"user_id":"7"}')
    assert SIGNER.accepts_channel(leave, "1.1", "presence-a", '{"user_id":"7"}')
    assert not SIGNER.accepts_channel(leave, "1.2", "presence-a", '{"user_id":"7"}')
    assert not SIGNER.accepts_channel(leave, "1.1", "presence-b", '{"user_id":"7"}')
    assert not SIGNER.accepts_channel(leave, "1.1", "presence-a", '{"user_id":"8"}')
    assert not SIGNER.accepts_channel(leave, "1.1", "presence-a")


def test_another_apps_key_is_refused() -> None:
    leave = Signer("other", (SECRET,)).channel("1.1", "private-a")
    assert not SIGNER.accepts_channel(leave, "1.1", "private-a")


def test_an_older_secret_is_accepted_while_the_first_signs() -> None:
    rotating = Signer("key", ("new", "old"))
    assert rotating.accepts_channel(Signer("key", ("old",)).channel("1.1", "a"), "1.1", "a")
    assert rotating.channel("1.1", "a") == Signer("key", ("new",)).channel("1.1", "a")
    assert not rotating.accepts_channel(Signer("key", ("older",)).channel("1.1", "a"), "1.1", "a")


@given(st.text())
def test_no_text_forges_a_signature_or_raises(text: str) -> None:
    assert not SIGNER.accepts_channel(text, "1.1", "private-a")
    assert not SIGNER.accepts_channel(f"{SIGNER.key}:{text}", "1.1", "private-a")


# The example of Pusher's documentation of the HTTP API.
BODY_MD5 = "ec365a775a4cd0599faeb73354201b6f"
PARAMS = {
    "auth_key": "278d425bdf160c739803",
    "auth_timestamp": "1353088179",
    "auth_version": "1.0",
    "body_md5": BODY_MD5,
}
REQUEST_SIGNATURE = "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"


def check_request(path: str = "/apps/3/events", now: float = 1353088179, **change: str) -> None:
    params = {**PARAMS, "auth_signature": REQUEST_SIGNATURE, **change}
    SIGNER.check_request("POST", path, params.items(), now)


def test_the_documented_request_is_accepted() -> None:
    text = request_text("POST", "/apps/3/events", PARAMS.items())
    assert sign(SECRET, text) == REQUEST_SIGNATURE
    check_request()
    check_request(now=1353088179 + MAX_SKEW)


def test_keys_are_lowered_and_sorted_and_values_left_alone() -> None:
    params = [("Info", "user_count"), ("a", "B c&d"), ("auth_signature", "x")]
    assert request_text("GET", "/", params) == "GET\n/\na=B c&d&info=user_count"


@pytest.mark.parametrize(
    "change",
    [
        {"auth_key": "other"},
        {"auth_version": "1"},
        {"auth_timestamp": "1353088180"},
        {"auth_timestamp": "\u0661"},
        {"body_md5": "ec365a775a4cd0599faeb73354201b60"},
        {"auth_signature": REQUEST_SIGNATURE.upper()},
        {"auth_signature": ""},
        {"info": "user_count"},
    ],
)
def test_a_request_changed_in_any_way_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        check_request(**change)


def test_a_request_is_good_for_one_path_and_for_ten_minutes() -> None:
    with pytest.raises(BadSignature, match="auth_signature"):
        check_request(path="/apps/4/events")
    for now in (1353088179 + MAX_SKEW + 1, 1353088179 - MAX_SKEW - 1):
        with pytest.raises(BadSignature, match="600 s"):
            check_request(now=now)


def test_half_a_surrogate_pair_is_a_wrong_signature_and_no_error() -> None:
    assert not SIGNER.accepts_channel(f"{SIGNER.key}:\ud800", "1.1", "presence-a", '"\udfff"')


@given(st.dictionaries(st.sampled_from([*PARAMS, "auth_signature", "Info"]), st.text()))
def test_no_query_passes_for_a_signed_one(change: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        SIGNER.check_request("POST", "/apps/3/events", {**PARAMS, **change}.items(), 1353088179)
