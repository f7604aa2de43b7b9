from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from flask_rf.broadcast.redis.tally import Tally
from flask_rf.errors import RedisUnavailable
from tests.parts.processes import wait_until

Counts = Mapping[str, tuple[int, bool]]


class Book:
    """What is written; ``meanwhile`` is what else happens during the next writing."""

    def __init__(self) -> None:
        self.pages: list[dict[str, int]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.tally = Tally(self.write, tell=False)

    def write(self, counts: Counts) -> dict[str, int]:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        self.pages.append({name: number for name, (number, _) in counts.items()})
        return self.pages[-1]


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    monkeypatch.setattr("flask_rf.broadcast.redis.tally._FLUSH", 0.02)
    book = Book()
    yield book
    book.tally.stop()


@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize("after", [0, 7])
def test_a_count_that_changes_while_it_is_written_is_written_again(
    book: Book, before: int, after: int
) -> None:
    book.meanwhile = lambda: book.tally.count("chat", after)
    book.tally.count("chat", before)
    wait_until(lambda: book.pages == [{"chat": before}, {"chat": after}])
    book.tally.count("news", 1)
    wait_until(lambda: {"news": 1} in book.pages)


def test_changes_of_a_moment_are_written_together(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()
    pass_moment = lambda seconds: begun.set() or over.wait(30)  # noqa: E731
    clock = SimpleNamespace(sleep=pass_moment, monotonic=time.monotonic)
    monkeypatch.setattr("flask_rf.broadcast.redis.tally.time", clock)
    book.tally.count("chat", 1)
    assert begun.wait(30)
    for number in range(2, 100):
        book.tally.count("chat", number)
    over.set()
    wait_until(lambda: book.pages == [{"chat": 99}])


def test_what_redis_did_not_take_is_written_later(book: Book) -> None:
    def fail() -> None:
        raise RedisUnavailable("counting", "down")

    book.meanwhile = fail
    book.tally.count("chat", 3)
    wait_until(lambda: book.pages == [{"chat": 3}])


def test_all_that_is_not_nothing_can_be_written_again(book: Book) -> None:
    book.tally.count("chat", 3), book.tally.count("news", 0)
    wait_until(lambda: book.tally._counts == {"chat": 3})  # nothing is noted once it is written
    book.pages.clear()
    book.tally.write_again()
    wait_until(lambda: book.pages == [{"chat": 3}])
