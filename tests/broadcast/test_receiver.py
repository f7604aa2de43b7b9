"""Deliveries to a real HTTP server that fails, hangs and recovers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.broadcast.receiver import backoff
from flask_rf.broadcast.receiver import Patience
from flask_rf.broadcast.receiver import Receiver
from tests.broadcast.pauses import Pauses
from tests.parts.processes import free_port
from tests.parts.processes import wait_until
from tests.parts.webhook_listener import WebhookListener

Dropped = list[tuple[str, str]]
Make = Callable[..., Receiver]


@pytest.fixture
def listener() -> Iterator[WebhookListener]:
    listener = WebhookListener()
    yield listener
    listener.stop()


@pytest.fixture
def dropped() -> Dropped:
    return []


@pytest.fixture
def make(dropped: Dropped) -> Iterator[Make]:
    """Makes receivers of little patience, stopped after the test."""
    receivers: list[Receiver] = []

    def make(url: str, **patience: float) -> Receiver:
        quick = Patience(**{"gather": 0.02, "pause": 0.01, **patience})  # type: ignore[arg-type]
        drop = lambda channel, reason: dropped.append((channel, reason))  # noqa: E731
        receivers.append(Receiver(url, lambda body: {"X-Length": str(len(body))}, drop, quick))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.stop()


def event(number: int) -> dict[str, object]:
    return {"name": "channel_occupied", "channel": f"c{number}"}


def put(receiver: Receiver, *numbers: int) -> None:
    for number in numbers:
        receiver.put(event(number))


def test_what_happens_within_a_moment_travels_together_and_in_order(
    make: Make, listener: WebhookListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, all_are_put = make(listener.url, gather=0.2), threading.Event()
    moments = Pauses(lambda: all_are_put.wait(30))
    monkeypatch.setattr(receiver, "_stopped", moments)
    put(receiver, *range(250))
    all_are_put.set()
    wait_until(lambda: len(listener.events) == 250)
    assert listener.events == [event(number) for number in range(250)]
    assert (len(listener.requests), moments.seconds[0]) == (3, 0.2)
    headers, body = listener.requests[0]
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Length"] == str(len(body))


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_receiver_that_fails_is_tried_again_until_it_takes_the_events(
    make: Make, listener: WebhookListener, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    listener.status = status
    receiver = make(listener.url)
    put(receiver, 1)
    wait_until(lambda: len(listener.requests) >= 3)
    put(receiver, 2)
    listener.status = 200
    wait_until(lambda: receiver.idle)
    assert listener.events == [event(1), event(2)]
    waiting, again = (text for text in caplog.messages if text.startswith("webhooks"))
    assert f"status {status}" in waiting and "again" in again
    assert "t0ken" not in caplog.text


def test_a_receiver_that_hangs_keeps_nobody_waiting(make: Make, listener: WebhookListener) -> None:
    listener.answering.clear()
    receiver = make(listener.url, timeout=0.1)
    put(receiver, *range(10))
    wait_until(lambda: len(listener.requests) >= 2)
    listener.answering.set()
    wait_until(lambda: receiver.idle)
    assert event(9) in listener.events


def test_a_dead_receiver_does_not_hold_up_another(make: Make, listener: WebhookListener) -> None:
    dead, alive = make(f"http://127.0.0.1:{free_port()}/"), make(listener.url)
    for receiver in (dead, alive):
        put(receiver, 1)
    wait_until(lambda: listener.events == [event(1)])
    assert not dead.idle


def test_events_are_given_up_when_they_are_old_and_newer_ones_still_delivered(
    make: Make, listener: WebhookListener, dropped: Dropped, caplog: pytest.LogCaptureFixture
) -> None:
    listener.status = 503
    receiver = make(listener.url, give_up=0.3)
    put(receiver, 1, 2)
    wait_until(lambda: receiver.idle)
    put(receiver, 3)
    wait_until(lambda: receiver.idle)
    reason = "webhook: it has not taken them in time"
    assert dropped == [("c1", reason), ("c2", reason), ("c3", reason)]
    assert sum("are dropped" in message for message in caplog.messages) == 1
    listener.status = 200
    put(receiver, 4)
    wait_until(lambda: receiver.idle)
    assert listener.events == [event(4)]


def test_a_full_queue_drops_what_is_new_and_says_so_once(
    make: Make, listener: WebhookListener, dropped: Dropped, caplog: pytest.LogCaptureFixture
) -> None:
    listener.answering.clear()
    receiver = make(listener.url, queue=3)
    put(receiver, 0)
    wait_until(lambda: listener.requests)
    put(receiver, *range(1, 7))
    assert [channel for channel, _ in dropped] == ["c4", "c5", "c6"]
    assert sum("its queue is full" in message for message in caplog.messages) == 1
    listener.answering.set()
    wait_until(lambda: receiver.idle)
    assert listener.events == [event(number) for number in range(4)]


def test_a_stopped_receiver_tries_no_more(make: Make, listener: WebhookListener) -> None:
    listener.status = 500
    receiver = make(listener.url)
    put(receiver, 1)
    wait_until(lambda: listener.requests)
    receiver.stop()
    assert receiver._thread is not None
    receiver._thread.join(30)
    assert not receiver._thread.is_alive()


@given(st.integers(0, 10_000))
def test_attempts_grow_rarer_up_to_a_minute_and_are_never_in_step(attempt: int) -> None:
    most = min(60.0, 0.5 * 2.0 ** min(attempt, 20))
    assert most / 2 <= backoff(attempt, 0.5) <= most
