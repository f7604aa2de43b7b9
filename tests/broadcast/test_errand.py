from __future__ import annotations

import threading

from flask_rf.broadcast.redis.errand import Errand
from tests.parts.processes import wait_until


def test_it_is_done_beside_whoever_asks_and_once_more_if_asked_meanwhile() -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    done = []

    def work() -> None:
        begun.release()
        go_on.acquire()
        done.append(1)

    errand = Errand("work", work)
    errand.ask()
    begun.acquire()
    for _ in range(3):
        errand.ask()
    assert done == []
    go_on.release(2)
    errand.join(30)
    assert len(done) == 2


def test_one_that_fails_can_be_asked_for_again() -> None:
    tried = []

    def work() -> None:
        tried.append(1)
        raise ValueError("a bug")

    errand = Errand("work", work)
    errand.ask()
    errand.join(30)
    errand.ask()
    wait_until(lambda: len(tried) == 2)
