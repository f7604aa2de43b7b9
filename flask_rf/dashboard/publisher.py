"""Tells the dashboards that are open, once a second, what this process does."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from typing import Protocol
from weakref import ref

from flask import Flask

from ..errors import RedisUnavailable
from ..eventloop import beat
from .collector import Collector

logger = logging.getLogger("flask_rf")

CHANNEL = "private-rf-dashboard"
_LOOK = 2  # seconds between two looks at who is watching, while nobody is
_HEALTH = 5  # seconds between two runs of the health checks
_HISTORY = 10  # seconds between two tellings of what was before
_CHANNELS = 12


class Live(Protocol):
    """What the dashboard needs of broadcasting; it is handed the app's."""

    def connections(self) -> int:
        """How many sockets this process has."""

    def subscribers(self, channel: str) -> int:
        """How many sockets are on a channel, on all servers; raises RedisUnavailable."""

    def busiest(self, most: int) -> tuple[int, list[tuple[str, int, int]]]:
        """How many channels this process's sockets are on, and the names of the largest, with
        their subscriptions and users on all servers; raises RedisUnavailable.
        """

    def tell(self, channel: str, event: str, text: str) -> None:
        """Publish an event that nobody counts; raises RedisUnavailable."""


class Publisher:
    """Runs in a thread of each process, which ends with the app.

    :param health: gives the report of all checks, or None where there are none.
    """

    def __init__(
        self,
        app: Flask,
        live: Live,
        collector: Collector,
        health: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._app_name = app.name
        self._host = socket.gethostname()
        self._live = live
        self._collector = collector
        self._health = health
        self._started_in = 0
        self._watched = 0
        self._slow: dict[str, Any] = {}
        self._asking: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self, *_: Any, **__: Any) -> None:
        """Begin in this process, if that is not done yet; takes what any caller tells."""
        if self._started_in == os.getpid():
            return
        with self._starting:
            if self._started_in != os.getpid():
                self._started_in = os.getpid()
                beat(self._collector.beat)
                reference = ref(self)
                threading.Thread(
                    target=_run, args=(reference,), name="rf-dashboard", daemon=True
                ).start()

    def tick(self, second: int) -> None:
        """Tell what the second that has ended came to, if anybody watches."""
        told = self._collector.tick(second, self._live.connections())
        if not self._watched and second % _LOOK:
            return
        try:
            before, self._watched = self._watched, self._live.subscribers(CHANNEL)
            # Again and again, for whoever has come while another left.
            if self._watched > before or (self._watched and second % _HISTORY == 0):
                self._tell("history", {"curves": list(self._collector.history)})
            if self._watched:
                self._tell("now", {**told, **self._looked_up(second)})
        except RedisUnavailable as error:
            logger.debug("the dashboard is told nothing: %s", error)

    def _looked_up(self, second: int) -> dict[str, Any]:
        """What takes longer to find out."""
        if second % _LOOK == 0 or "channels" not in self._slow:
            count, largest = self._live.busiest(_CHANNELS + 1)
            others = [channel for channel in largest if channel[0] != CHANNEL]
            count -= len(largest) - len(others)
            self._slow["channels"] = {"count": count, "largest": others[:_CHANNELS]}
        if second % _HEALTH == 0 or "health" not in self._slow:
            self._ask_health()
        return {"health": None, **self._slow}

    def _ask_health(self) -> None:
        """In a thread aside: while a check hangs, all else is told as ever."""
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(
                target=self._renew_health, name="rf-dashboard-health", daemon=True
            )
            self._asking.start()

    def _renew_health(self) -> None:
        self._slow["health"] = self._health()

    def _tell(self, event: str, facts: dict[str, Any]) -> None:
        told = {"worker": f"{self._host}:{os.getpid()}", "app": self._app_name, **facts}
        self._live.tell(CHANNEL, event, json.dumps(told, separators=(",", ":")))


def _run(reference: ref[Publisher], clock: Any = time) -> None:
    while True:
        now = clock.time()
        second = int(now + 0.01)  # a clock that is being set lets a sleep end a little early
        # By the clock's seconds, so that those of several workers can be added up.
        clock.sleep(second + 1 - now)
        publisher = reference()
        if publisher is None:
            return
        try:
            publisher.tick(second)  # however late: the next one would be told in its place
        except Exception:
            logger.exception("the dashboard is told nothing this second")
        del publisher
