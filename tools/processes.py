"""Child processes that never outlive dev.py."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

_GRACE = 20.0  # seconds to end politely: gunicorn drains its WebSockets
_START = 30.0  # seconds for a server to come up


class Trouble(Exception):
    """What is missing or went wrong, in words that name the remedy."""


def say(text: str) -> None:
    print(f"dev.py: {text}", flush=True)


@contextmanager
def started(
    *command: str | Path, farewell: signal.Signals = signal.SIGTERM, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` in a process group of its own, which ends with the block."""
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)
    try:
        yield process
    finally:
        _end(process, farewell)


def _end(process: subprocess.Popen[bytes], farewell: signal.Signals) -> None:
    """Ask ``process`` to end, then kill whatever is left of its group."""
    try:
        if process.poll() is None:
            process.send_signal(farewell)
            process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        say(f"process {process.pid} does not end: killing it.")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(*command: str | Path, **options: Any) -> int:
    """Run ``command`` to its end; returns its exit status.

    Ctrl-C becomes its SIGINT: pytest then stops the servers that its tests started.
    """
    with started(*command, farewell=signal.SIGINT, **options) as process:
        return process.wait()


@contextmanager
def served(
    log: Path, is_up: Callable[[], bool], *command: str | Path, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server whose words go to ``log``; the block begins when it is up."""
    with log.open("wb") as output:
        options |= {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        with started(*command, **options) as process:
            deadline = time.monotonic() + _START
            while not is_up():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Trouble(f"{log.stem} did not start. Its log:\n{log.read_text()}")
                time.sleep(0.05)
            yield process
