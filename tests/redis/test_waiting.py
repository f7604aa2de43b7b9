from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from redis.exceptions import MaxConnectionsError

from flask_rf.redis import waiting
from flask_rf.redis.waiting import Shelf
from tests.parts.processes import wait_until


@contextmanager
def waiters(shelf: Shelf, *names: str) -> Iterator[list[tuple[str, Any]]]:
    """Threads that wait for a thing each, in this order; what they were lent, in theirs."""
    lent: list[tuple[str, Any]] = []
    threads = []
    for n, name in enumerate(names, 1):
        threads.append(Thread(target=lambda name=name: lent.append((name, shelf.take(30)))))
        threads[-1].start()
        wait_until(lambda n=n: len(shelf._waiting) == n)  # type: ignore[misc]
    yield lent
    for thread in threads:
        thread.join()


def test_the_thing_put_back_last_is_lent_first() -> None:
    shelf = Shelf("abc")
    shelf.put_back(shelf.take(0))
    assert [shelf.take(0) for _ in "abc"] == ["c", "b", "a"]


def test_what_nobody_uses_can_be_taken_at_once() -> None:
    shelf = Shelf("abc")
    shelf.take(0)
    assert shelf.take_idle() == ["b", "a"]
    assert shelf.take_idle() == []


def test_who_waits_longest_is_served_first() -> None:
    shelf = Shelf("a")
    shelf.take(0)
    with waiters(shelf, "ann", "bob", "eve") as lent:
        for n, thing in enumerate("abc", 1):
            shelf.put_back(thing)
            wait_until(lambda n=n: len(lent) == n)  # type: ignore[misc]
    assert lent == [("ann", "a"), ("bob", "b"), ("eve", "c")]


def test_who_puts_a_thing_back_takes_it_from_nobody_who_waits() -> None:
    shelf = Shelf("a")
    thing = shelf.take(0)
    with waiters(shelf, "ann") as lent:
        shelf.put_back(thing)
        with pytest.raises(MaxConnectionsError):
            shelf.take(0)
    assert lent == [("ann", "a")]


def test_who_waited_in_vain_is_told_how_long_and_stands_in_nobodys_way() -> None:
    shelf = Shelf("a")
    thing = shelf.take(0)
    with pytest.raises(MaxConnectionsError, match=r"in use for 0\.01 s"):
        shelf.take(0.01)
    shelf.put_back(thing)
    assert shelf.take(0) == "a"


def test_what_comes_in_the_last_moment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf("a")
    thing = shelf.take(0)

    class LastMoment(waiting.Event):  # type: ignore[misc,name-defined]
        def wait(self, timeout: float | None = None) -> bool:
            shelf.put_back(thing)
            return False

    monkeypatch.setattr(waiting, "Event", LastMoment)
    assert shelf.take(1) == "a"


@pytest.mark.parametrize("served", [False, True])
def test_who_is_interrupted_takes_nothing_away(
    monkeypatch: pytest.MonkeyPatch, served: bool
) -> None:
    shelf = Shelf("a")
    thing = shelf.take(0)

    class Interrupted(waiting.Event):  # type: ignore[misc,name-defined]
        def wait(self, timeout: float | None = None) -> bool:
            if served:
                shelf.put_back(thing)
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(waiting, "Event", Interrupted)
        shelf.take(1)
    if not served:
        shelf.put_back(thing)
    assert shelf.take(0) == "a"
    assert not shelf._waiting
