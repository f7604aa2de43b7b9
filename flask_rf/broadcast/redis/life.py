"""One server's signs of life, and the end of those that give none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from ...redis.script import Script
from ...redis.sender import Commands
from .keys import Keyspace

logger = logging.getLogger("flask_rf.broadcast")

HEARTBEAT = 5.0  # seconds between two signs of life
DEAD_AFTER = 15  # seconds of silence after which a server's members are gone

_INTRODUCTION = 3.0  # seconds a start waits for the first sign of life

_HEARTBEAT = Script.from_file(Path(__file__).with_name("heartbeat.lua"))


class Life:
    """
    :param bury: takes off what a dead server has left.
    :param state_anew: called where Redis does not know this server any more.
    :param probe: called with each sign of life.
    """

    def __init__(
        self,
        commands: Commands,
        keys: Keyspace,
        server_id: str,
        bury: Callable[[str], None],
        state_anew: Callable[[], None],
        probe: Callable[[], None],
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._id = server_id
        self._bury = bury
        self._state_anew = state_anew
        self._probe = probe
        self._introduced = False
        self._first_attempt = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name="rf-heartbeat", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until Redis knows this server, or cannot be told of it, but not for long.

        Who died unknown would be missed by nobody, and its members be there for ever.
        """
        self._first_attempt.wait(_INTRODUCTION)

    def stop(self) -> None:
        self._stopped.set()

    def join(self, timeout: float) -> None:
        """Wait for its thread to end, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _live(self) -> None:
        while not self._stopped.is_set():
            try:
                self._show_life()
                self._probe()
            except Exception as error:  # whatever it is: who gives no sign is taken for dead
                logger.debug("no heartbeat: %s", error, exc_info=True)
            self._first_attempt.set()
            self._stopped.wait(HEARTBEAT)

    def _show_life(self) -> None:
        arguments = [self._id, DEAD_AFTER, 1.5 * HEARTBEAT]
        execute, key = self._commands.execute, self._keys.servers()
        unknown, dead = _HEARTBEAT.run(execute, [key], arguments)
        if unknown and self._introduced:
            self._state_anew()
        self._introduced = True
        self._first_attempt.set()
        for server_id in dead:
            self._bury(server_id.decode())
            execute("ZREM", key, server_id)
