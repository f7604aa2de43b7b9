"""One webhook's receiver: a bounded queue, and a thread that works through it.

A dead or slow receiver keeps nobody waiting: events queue for it, then are dropped.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import build_opener
from urllib.request import HTTPRedirectHandler
from urllib.request import Request

from .. import jitter

logger = logging.getLogger("flask_rf.broadcast")

Event = Mapping[str, Any]

_MAX_BATCH = 100  # events in one request


@dataclass(frozen=True)
class Patience:
    """How long a receiver is put up with, in seconds, and how many events may wait for it.

    :param gather: what happens within it travels together.
    :param timeout: of one attempt.
    :param pause: before the second attempt; each further one is doubled, up to a minute.
    :param give_up: age at which an event is dropped.
    """

    gather: float = 0.05
    timeout: float = 5.0
    pause: float = 0.5
    give_up: float = 300.0
    queue: int = 10_000


def backoff(attempt: int, first: float) -> float:
    """Seconds before another attempt, jittered: receivers must not be hit in step."""
    return min(60.0, first * 2.0 ** min(attempt, 20)) * jitter.between(0.5, 1.0)


def body_of(events: Sequence[Event], now: float) -> bytes:
    """:param now: Unix time in seconds."""
    body = {"time_ms": int(now * 1000), "events": events}
    return json.dumps(body, separators=(",", ":")).encode()


class Receiver:
    """Delivers to one URL, in order.

    :param sign: gives the headers that vouch for a body.
    :param dropped: told the channel and why, for each event given up.
    """

    def __init__(
        self,
        url: str,
        sign: Callable[[bytes], dict[str, str]],
        dropped: Callable[[str, str], None],
        patience: Patience,
    ) -> None:
        parts = urlsplit(url)
        self._url = url
        self._shown = f"{parts.scheme}://{parts.netloc}{parts.path}"  # the query may be secret
        self._sign = sign
        self._dropped = dropped
        self._patience = patience
        self._queue: deque[tuple[float, Event]] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._failing = self._dropping = False
        self.idle = True

    def put(self, event: Event) -> None:
        """Have an event delivered; never waits."""
        with self._wake:
            full = len(self._queue) >= self._patience.queue
            if not full:
                self.idle = False
                self._queue.append((time.monotonic(), event))
                self._wake.notify()
                self._start()
        if full:
            self._drop([event], "its queue is full")

    def stop(self) -> None:
        self._stopped.set()
        with self._wake:
            self._wake.notify()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rf-webhook", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._wake:
                while not self._queue and not self._stopped.is_set():
                    self.idle = True
                    self._wake.wait()
            self._stopped.wait(self._patience.gather)
            since, events = self._take()
            if events:
                self._deliver(events, since + self._patience.give_up)

    def _take(self) -> tuple[float, list[Event]]:
        """The next events, and when the oldest came."""
        with self._wake:
            if not self._queue:
                return 0.0, []
            count = min(len(self._queue), _MAX_BATCH)
            return self._queue[0][0], [self._queue.popleft()[1] for _ in range(count)]

    def _deliver(self, events: list[Event], deadline: float) -> None:
        attempt = 0
        while not self._stopped.is_set() and not self._post(events):
            pause = backoff(attempt, self._patience.pause)
            if time.monotonic() + pause > deadline:
                self._drop(events, "it has not taken them in time")
                return
            self._stopped.wait(pause)
            attempt += 1

    def _post(self, events: list[Event]) -> bool:
        body = body_of(events, time.time())
        headers = {"Content-Type": "application/json", "User-Agent": "flask-rf"}
        request = Request(self._url, body, {**headers, **self._sign(body)})
        try:
            _opener.open(request, timeout=self._patience.timeout).close()
        except HTTPError as error:
            error.close()
            self._note_failure(f"status {error.code}")
        except (OSError, HTTPException) as error:
            self._note_failure(str(error) or type(error).__name__)
        else:
            self._note_success()
            return True
        return False

    def _note_failure(self, reason: str) -> None:
        if not self._failing:
            logger.warning("webhooks wait for %s: %s", self._shown, reason)
        self._failing = True

    def _note_success(self) -> None:
        if self._failing:
            logger.warning("webhooks are taken by %s again", self._shown)
        self._failing = self._dropping = False

    def _drop(self, events: list[Event], reason: str) -> None:
        if not self._dropping:
            logger.error("webhooks for %s are dropped: %s", self._shown, reason)
        self._dropping = True
        for event in events:
            self._dropped(str(event["channel"]), f"webhook: {reason}")


class _NoRedirects(HTTPRedirectHandler):
    """To follow one would turn the POST into a GET, and lose the body."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = build_opener(_NoRedirects)
