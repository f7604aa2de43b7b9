from __future__ import annotations

from flask_rf.broadcast.gate import Gate
from flask_rf.broadcast.options import BroadcastOptions


def test_a_worker_takes_so_many_connections() -> None:
    gate = Gate(BroadcastOptions(max_connections=2))
    assert gate.refusal("a", 1) is None
    assert gate.refusal("a", 2) == "this server has as many connections as it takes"


def test_an_address_has_so_many_and_a_place_given_up_is_free() -> None:
    gate = Gate(BroadcastOptions(max_connections_per_address=2))
    gate.enter("a"), gate.enter("a"), gate.enter("b")
    assert gate.refusal("a", 3) == "your address has as many connections as it may"
    assert gate.refusal("b", 3) is None
    gate.leave("a")
    assert gate.refusal("a", 2) is None


def test_handshakes_are_counted_by_the_second() -> None:
    now = [10.0]
    gate = Gate(BroadcastOptions(max_handshakes=2), lambda: now[0])
    for _ in range(2):
        assert gate.refusal("a", 0) is None
        gate.enter("a")
    assert gate.refusal("a", 0) == "too many connections are being opened at once"
    now[0] = 11.0
    assert gate.refusal("a", 0) is None
