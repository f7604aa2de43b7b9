"""What a drama of faults is played on: servers, a publisher and a crowd that recovers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask import Flask

from flask_rf import Broadcast
from flask_rf import BroadcastError
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until

CHANNEL = "soak.main"


class Publisher:
    """Sends numbers, as the app of :mod:`tests.apps.events` would.

    :ivar acknowledged: those that Redis has taken.
    :ivar unknown: those of which it did not say.
    """

    def __init__(self, url: str, rate: float) -> None:
        self._app = Flask("tests.apps.events")  # kept, for a recipe does not keep its apps
        self._app.config["SECRET_KEY"] = "a secret of the tests"
        self._broadcast = Broadcast(self._app, redis_url=url)
        self._broadcast.keep("soak.{name}", history=5000, ttl=600)
        self._pause = 1 / rate
        self._stopped = threading.Event()
        self.acknowledged: list[int] = []
        self.unknown: list[int] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stopped.wait(self._pause):
            number += 1
            self._send(number)
        while self.acknowledged[-1:] != [number]:  # the last one must be certain
            number += 1
            self._send(number)

    def _send(self, number: int) -> None:
        try:
            self._broadcast.to(CHANNEL).send("message", number)
        except BroadcastError:
            self.unknown.append(number)
            time.sleep(0.05)
        else:
            self.acknowledged.append(number)

    def get_through(self, count: int) -> None:
        """Wait until Redis has taken so many more."""
        enough = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) > enough, 60, f"{count} to be sent")

    def end(self) -> None:
        self._stopped.set()
        self._thread.join(60)
        self._broadcast.compiled.server.stop()


class Crowd:
    """The clients of :mod:`.crowd`."""

    def __init__(self, port: int, count: int, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.faults.crowd", str(port), CHANNEL, str(count)]
        self._folder = folder
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with ExitStack() as failed:
            failed.callback(self.stop)
            assert self._answer() == "ready"
            failed.pop_all()

    def cut(self, count: int) -> None:
        self._order(f"cut {count}")
        assert self._answer() == "cut"

    def hunt(self, times: int) -> None:
        """Cut one client's connection so often, whenever it is back; goes on beside the rest."""
        self._order(f"hunt {times}")

    def report(self, publisher: Publisher) -> dict[str, Any]:
        """What there is to say once all has arrived that will."""
        sent = self._folder / "sent.json"
        sent.write_text(json.dumps([publisher.acknowledged, publisher.unknown]))
        self._order(f"end {sent}")
        report: dict[str, Any] = json.loads(self._answer())
        return report

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _order(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
