from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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
