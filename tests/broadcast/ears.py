"""What processes that listen to a broker are in tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

from flask_rf.broadcast.broker import Broker
from flask_rf.broadcast.envelope import Envelope
from tests.parts.processes import wait_until


class Ear:
    """What one process hears of a broker.

    :ivar links: what it was told of its link.

    The brokers that a test starts are stopped after it.
    """

    started: ClassVar[list[Broker]] = []

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.started.append(broker)
        self.events: list[tuple[str, Envelope]] = []
        self.links: list[bool] = []
        broker.start(self)

    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        self.events += burst

    def catch_up(self, concerns: Callable[[str], bool]) -> None:
        pass

    def link_changed(self, up: bool) -> None:
        self.links.append(up)

    def state_anew(self) -> None:
        pass

    def crash(self) -> None:
        """End as a process does that is killed: without a word to anybody."""
        broker: Any = self.broker
        for part in (broker._life, broker._listener, broker._tally):
            part.stop()
            part.join(5)
        broker._life = None

    def names(self) -> list[str]:
        return [json.loads(envelope.payload)["event"] for _, envelope in self.events]

    def wait_for(self, count: int) -> list[tuple[str, Envelope]]:
        wait_until(lambda: len(self.events) >= count, what=f"{count} events: {self.events}")
        return self.events
