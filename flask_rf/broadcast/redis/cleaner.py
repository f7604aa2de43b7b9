"""Takes off what dead servers have left: of each one survivor alone, under a lease."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path

from ...redis.script import Script
from ...redis.sender import Commands
from .keys import Keyspace

logger = logging.getLogger("flask_rf.broadcast")

LEASE = 3  # seconds a survivor may be silent before another goes on in its place
_RENEWAL = 1.0  # seconds between two looks whether to go on

_LEASE = Script.from_file(Path(__file__).with_name("lease.lua"))


class Cleaner:
    """
    :param server_id: this server's, a survivor.
    :param bury: takes a dead server's members and counts off, and yields after each part how
        many those were.
    :param goes_on: whether this server does.
    """

    def __init__(
        self,
        commands: Commands,
        keys: Keyspace,
        server_id: str,
        bury: Callable[[str], Iterable[int]],
        goes_on: Callable[[], bool],
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._id = server_id
        self._bury = bury
        self._goes_on = goes_on

    def clean(self, dead: Sequence[str], dead_after: float) -> None:
        """
        :param dead: the ids of servers.
        :param dead_after: seconds of silence after which they are.
        """
        for server_id in dead:
            if self._leases(server_id, dead_after, "begin"):
                self._clean(server_id, dead_after)

    def _clean(self, server_id: str, dead_after: float) -> None:
        removed, looked = 0, time.monotonic()
        for part in self._bury(server_id):
            removed += part
            if not self._goes_on():
                return
            if time.monotonic() - looked > _RENEWAL:
                looked = time.monotonic()
                if not self._leases(server_id, dead_after, "go on"):
                    return
        if self._leases(server_id, dead_after, "end") and removed:
            logger.info("a server died; %d of its presence entries were removed", removed)

    def _leases(self, server_id: str, dead_after: float, what: str) -> bool:
        keys = [self._keys.servers(), self._keys.lease(server_id)]
        arguments = [server_id, dead_after, self._id, LEASE, what]
        return bool(_LEASE.run(self._commands.execute, keys, arguments))
