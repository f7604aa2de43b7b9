"""The heart: what is done ten times a second in a process."""

from __future__ import annotations

import gc
import subprocess
import sys
from threading import current_thread
from threading import Thread

import pytest

from flask_rf.eventloop import _Heart
from flask_rf.eventloop import beat
from flask_rf.eventloop import runs_greenlets
from tests.parts.processes import wait_until


class Pulse:
    def __init__(self, fails: bool = False) -> None:
        self.late: list[float] = []
        self.threads: set[Thread] = set()
        self.fails = fails

    def count(self, late: float) -> None:
        self.late.append(late)
        self.threads.add(current_thread())
        if self.fails:
            raise LookupError("no")


def test_it_is_told_again_and_again_how_late_it_is() -> None:
    pulse = Pulse()
    beat(pulse.count)
    wait_until(lambda: len(pulse.late) > 2)
    assert all(late >= 0 for late in pulse.late)


def test_one_thread_calls_them_all() -> None:
    one, two = Pulse(), Pulse()
    beat(one.count)
    beat(two.count)
    wait_until(lambda: len(one.late) > 2 and len(two.late) > 2)
    assert len(one.threads | two.threads) == 1


def test_one_that_fails_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    failing, sound = Pulse(fails=True), Pulse()
    beat(failing.count)
    beat(sound.count)
    wait_until(lambda: len(sound.late) > 2 and len(failing.late) > 2)
    assert "is tried again" in caplog.text


def test_it_ends_with_those_it_calls_and_begins_anew() -> None:
    heart = _Heart()
    heart.tell(Pulse().count)
    gc.collect()
    wait_until(lambda: heart._thread is None)
    pulse = Pulse()
    heart.tell(pulse.count)
    wait_until(lambda: pulse.late)


@pytest.mark.unpatched
def test_a_fork_has_a_heart_of_its_own() -> None:
    program = """
import os, signal, time
from flask_rf.eventloop import _heart
from flask_rf.eventloop import beat
class Pulse:
    beats = 0
    def count(self, late): self.beats += 1
parents = Pulse(); beat(parents.count)
while not parents.beats: time.sleep(0.01)
_heart._lock.acquire()  # as its thread may at this very moment
if os.fork() == 0:
    signal.alarm(20)
    own = Pulse(); beat(own.count)
    while not own.beats: time.sleep(0.01)
    os._exit(0)
print(os.waitpid(-1, 0)[1])
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "0\n"


def test_whether_threads_are_greenlets_is_known() -> None:
    monkey = sys.modules.get("gevent.monkey")
    patched = monkey is not None and monkey.is_module_patched("threading")
    assert runs_greenlets() is bool(patched)
