"""How many sockets a worker takes, at once and in a second. Pure; refusals are retried."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from .options import BroadcastOptions


class Gate:
    """Counts the sockets of one process by client.

    :param clock: seconds that never go back.
    """

    def __init__(
        self, options: BroadcastOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options
        self._clock = clock
        self._addresses: Counter[str] = Counter()
        self._second = 0
        self._handshakes = 0

    def refusal(self, address: str, connections: int) -> str | None:
        """Why one more socket of a client cannot be taken now; None where it can.

        :param connections: how many the process has.
        """
        options = self._options
        if connections >= options.max_connections:
            return "this server has as many connections as it takes"
        most = options.max_connections_per_address
        if most is not None and self._addresses[address] >= most:
            return "your address has as many connections as it may"
        if options.max_handshakes is not None:
            lately = self._handshakes if self._second == int(self._clock()) else 0
            if lately >= options.max_handshakes:
                return "too many connections are being opened at once"
        return None

    def enter(self, address: str) -> None:
        self._addresses[address] += 1
        second = int(self._clock())
        if second != self._second:
            self._second, self._handshakes = second, 0
        self._handshakes += 1

    def leave(self, address: str) -> None:
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]
