"""Work that goes on beside a thread which must not wait for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger("flask_rf.broadcast")


class Errand:
    """Work in a thread of its own; done once more where it is asked for meanwhile.

    :param name: the thread's.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name = name
        self._work = work
        self._asked = False
        self._changing = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Have it done; never waits."""
        with self._changing:
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for it to be done, at most ``timeout`` seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        while self._is_asked():
            try:
                self._work()
            except Exception as error:  # whatever it is: it is asked for again
                logger.debug("%s failed: %s", self._name, error, exc_info=True)

    def _is_asked(self) -> bool:
        with self._changing:
            asked, self._asked = self._asked, False
            if not asked:
                self._thread = None
            return asked
