"""Child processes that are waited for, stopped by their own id, and never left behind."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import ExitStack
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that no connection of the system's own choice takes meanwhile, nor another test."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


_claims: list[socket.socket] = []


def _claimed_ports() -> Iterator[int]:
    """In blocks, each this process's while it lives, as it holds the first of them.

    Other runs of the tests go on beside this one, and a server takes its time to listen.
    """
    for first in random.SystemRandom().sample(range(20_000, 32_000, 100), 120):
        _claims.append(socket.socket())
        with suppress(OSError):
            _claims[-1].bind(("127.0.0.1", first))
            yield from range(first + 1, first + 100)


_ports = _claimed_ports()


def wait_until(condition: Callable[[], object], timeout: float = 60.0, what: str = "") -> None:
    """Poll ``condition`` until it is true; fail the test after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        with suppress(OSError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


class Process:
    """A child process in a group of its own, its output kept in a file.

    :param user: whom to run it as, where root runs the tests.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                user=user,
            )
        self.pid = self._popen.pid

    def await_start(self, is_up: Callable[[], object], timeout: float = 60.0) -> None:
        """Wait until ``is_up``; a server that is not is gone before its test hears of it."""
        with ExitStack() as failed:
            failed.callback(self.kill)
            wait_until(lambda: is_up() or not self.alive, timeout, f"the start of {self.log.stem}")
            assert self.alive, f"{self.log.stem} ended:\n{self.output()}"
            failed.pop_all()

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def stop(self, timeout: float = 60.0) -> int:
        """End it politely, then not; returns its exit status."""
        if self.alive:
            self._popen.terminate()
            try:
                self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._popen.wait()

    def kill(self) -> None:
        """kill -9 the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
