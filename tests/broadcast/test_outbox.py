"""One contract for both outboxes, over a real pair of sockets."""

from __future__ import annotations

import _socket
import socket
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress

import gevent
import pytest

from flask_rf.broadcast.outbox import EventedOutbox
from flask_rf.broadcast.outbox import Outbox
from flask_rf.broadcast.outbox import QueuedOutbox
from flask_rf.broadcast.outbox import ThreadedOutbox
from flask_rf.broadcast.wire import close_frame
from tests.parts.processes import wait_until

CAP = 300_000
BIG = b"x" * 200_000

Make = Callable[[], Outbox]


class Pair:
    """Our end with its outbox, and the peer's end."""

    def __init__(self, kind: str) -> None:
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        for end in (ours, self.peer):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        self.dropped = 0
        self.outbox: Outbox
        if kind == "evented":
            self._sock: object = _socket.socket(fileno=ours.detach())
            self._sock.setblocking(False)  # type: ignore[attr-defined]
            loop = gevent.get_hub().loop
            self.outbox = EventedOutbox(self._sock, loop, CAP, self._drop)
        else:
            self._sock = ours
            self.outbox = ThreadedOutbox(ours, CAP, self._drop)

    def _drop(self) -> None:
        self.dropped += 1

    def read(self, size: int) -> bytes:
        """What the peer gets, up to ``size`` bytes or the end."""
        data, deadline = b"", time.monotonic() + 30
        while len(data) < size and time.monotonic() < deadline:
            gevent.sleep(0.001)
            with suppress(BlockingIOError):
                chunk = self.peer.recv(65536)
                if not chunk:
                    break
                data += chunk
        return data

    def close(self) -> None:
        self.outbox.abort()
        if isinstance(self.outbox, EventedOutbox):
            self.outbox.close()
        else:
            self.outbox.join(1)  # type: ignore[attr-defined]
            self._sock.close()  # type: ignore[attr-defined]
        self.peer.close()


@pytest.fixture(params=["evented", "threaded"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    pair = Pair(request.param)
    yield pair
    pair.close()


def test_what_is_pushed_arrives_in_order(pair: Pair) -> None:
    for part in (b"one ", b"two ", b"three"):
        pair.outbox.push(part)
    assert pair.read(13) == b"one two three"


def test_a_push_to_a_stalled_reader_returns_at_once_and_arrives_whole(pair: Pair) -> None:
    pair.outbox.push(BIG)
    pair.outbox.push(b"end")
    assert pair.read(len(BIG) + 3) == BIG + b"end"


def test_over_its_cap_a_socket_is_closed_with_4100_and_never_spliced(pair: Pair) -> None:
    frames = [bytes([65 + i]) * 100_000 for i in range(9)]
    for frame in frames:
        pair.outbox.push(frame)
    assert pair.dropped == 1
    assert pair.outbox.finished_at is not None
    received = pair.read(2_000_000)
    close = close_frame(4100, "this connection reads too slowly")
    assert received.endswith(close)
    body = received[: -len(close)]
    assert len(body) <= CAP
    assert b"".join(frames).startswith(body) and len(body) % 100_000 == 0


def test_after_its_last_words_the_sending_side_is_closed(pair: Pair) -> None:
    pair.outbox.push(BIG)
    pair.outbox.finish(b"bye")
    pair.outbox.push(b"too late")
    assert pair.read(10**7) == BIG + b"bye"


def test_aborting_shows_both_sides_the_end(pair: Pair) -> None:
    pair.outbox.abort()
    assert pair.read(1) == b""
    pair.outbox.push(b"into the void")
    pair.outbox.finish()


def test_a_peer_that_is_gone_is_no_error(pair: Pair) -> None:
    pair.peer.close()
    pair.outbox.push(BIG)
    pair.outbox.push(BIG)
    wait_until(lambda: gevent.sleep(0.01) or pair.outbox.finished_at is not None)


# What a writer takes


@pytest.fixture
def queued() -> QueuedOutbox:
    return QueuedOutbox(CAP, lambda: None)


def test_all_that_waits_is_taken_in_one_piece(queued: QueuedOutbox) -> None:
    for part in (b"one ", b"two ", b"three"):
        queued.push(part)
    assert queued.take() == b"one two three"
    assert queued.take(0.001) == b""


def test_after_the_last_words_nothing_is_to_be_taken(queued: QueuedOutbox) -> None:
    queued.push(b"one ")
    queued.finish(b"bye")
    assert [queued.take(), queued.take(), queued.take()] == [b"one bye", None, None]


def test_what_is_being_written_counts_as_waiting(queued: QueuedOutbox) -> None:
    queued.push(BIG)
    assert queued.take() == BIG
    queued.push(BIG)
    assert queued.take() == close_frame(4100, "this connection reads too slowly")


def test_a_writer_that_comes_back_for_more_has_written_what_it_took(queued: QueuedOutbox) -> None:
    for _ in range(5):
        queued.push(BIG)
        assert queued.take() == BIG
        assert queued.take(0.001) == b""


def test_what_was_given_up_is_not_taken_any_more(queued: QueuedOutbox) -> None:
    queued.push(b"one")
    queued.abort()
    assert queued.take() is None
