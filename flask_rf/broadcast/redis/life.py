"""One server's signs of life, which nothing delays, and the end of those that give none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path

from ...redis.script import Script
from ...redis.sender import Commands
from .cleaner import Cleaner
from .errand import Errand
from .keys import Keyspace

logger = logging.getLogger("flask_rf.broadcast")

# Whoever dies is found out within the sum of both; two seconds of the promised 20 are left for
# taking off what it had.
HEARTBEAT = 4.0  # seconds between two signs of life
DEAD_AFTER = 14  # seconds of silence after which a server's members are gone

_HEARTBEAT = Script.from_file(Path(__file__).with_name("heartbeat.lua"))


class Life:
    """
    :param bury: see :class:`~.cleaner.Cleaner`.
    :param state_anew: called where Redis does not know this server any more, or others took it
        for dead.
    :param probe: called with each sign of life.
    """

    def __init__(
        self,
        commands: Commands,
        keys: Keyspace,
        server_id: str,
        bury: Callable[[str], Iterable[int]],
        state_anew: Callable[[], None],
        probe: Callable[[], None],
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._id = server_id
        self._probe = probe
        self._introduced = False
        self._dead: list[str] = []
        self._stopped = threading.Event()
        self._cleaner = Cleaner(commands, keys, server_id, bury, self._goes_on)
        self._cleaning = Errand("rf-cleaner", self._clean)
        self._stating = Errand("rf-state-anew", state_anew)
        self._beat()  # known from before its first member, whom nobody would take off else
        self._thread = threading.Thread(target=self._live, name="rf-heartbeat", daemon=True)
        self._thread.start()

    def introduce(self) -> None:
        """See :meth:`~..broker.Broker.introduce`; who calls states everything anew."""
        self._show_life(states_anew=False)

    def stop(self) -> None:
        self._stopped.set()

    def join(self, timeout: float) -> None:
        """Wait for its threads to end, each at most ``timeout`` seconds."""
        for thread in (self._thread, self._cleaning, self._stating):
            thread.join(timeout)

    def _goes_on(self) -> bool:
        return not self._stopped.is_set()

    def _live(self) -> None:
        while not self._stopped.wait(HEARTBEAT):
            self._beat()

    def _beat(self) -> None:
        try:
            self._show_life()
            self._probe()
        except Exception as error:  # whatever it is: who gives no sign is taken for dead
            logger.debug("no heartbeat: %s", error, exc_info=True)

    def _show_life(self, states_anew: bool = True) -> None:
        keys = [self._keys.servers(), self._keys.lease(self._id)]
        arguments = [self._id, DEAD_AFTER, 2 * HEARTBEAT]
        unknown, dead = _HEARTBEAT.run(self._commands.execute, keys, arguments)
        if unknown and self._introduced and states_anew:
            self._stating.ask()
        self._introduced = True
        self._dead = [server_id.decode() for server_id in dead]
        if dead:
            self._cleaning.ask()

    def _clean(self) -> None:
        self._cleaner.clean(self._dead, DEAD_AFTER)
