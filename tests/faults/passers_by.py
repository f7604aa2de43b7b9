"""A server whose users come and go at random.

    python -m tests.faults.passers_by URL NUMBER SEED CHANGES

It says after each hundred changes how many there were, and at the end, as JSON, who is there:
pairs of channel and user. Told by a line to go on, it has everybody leave, and stops.
"""

from __future__ import annotations

import json
import random
import sys

import flask_rf.broadcast.redis.life as life
from flask_rf.broadcast.session import Member
from tests.broadcast.ears import Ear
from tests.broadcast.test_brokers import over

CHANNELS = [f"presence-{n}" for n in range(5)]


class Server:
    """
    :ivar sockets: channel and user by socket id.
    """

    def __init__(self, url: str, number: str, seed: str) -> None:
        self.broker = Ear(over(url, timeout=30)).broker
        self.sockets: dict[str, tuple[str, str]] = {}
        self._number = number
        self._random = random.Random(f"{seed} {number}")

    def change(self, n: int) -> None:
        if self._random.random() < 0.52:
            self._join(f"{self._number}.{n}")
        elif self.sockets:
            self.leave(self._random.choice(list(self.sockets)))

    def _join(self, socket_id: str) -> None:
        channel, user = self._random.choice(CHANNELS), f"user-{self._random.randrange(20)}"
        self.broker.join(channel, socket_id, Member(user, {"n": user}), 10**6)
        self.sockets[socket_id] = (channel, user)

    def leave(self, socket_id: str) -> None:
        channel, user = self.sockets.pop(socket_id)
        self.broker.leave(channel, socket_id, user)


def main() -> None:
    life.HEARTBEAT, life.DEAD_AFTER = 1.0, 6
    server = Server(*sys.argv[1:4])
    for n in range(1, int(sys.argv[4]) + 1):
        server.change(n)
        if n % 100 == 0:
            print(n, flush=True)
    print(json.dumps(sorted(set(server.sockets.values()))), flush=True)
    sys.stdin.readline()
    for socket_id in list(server.sockets):
        server.leave(socket_id)
    server.broker.stop()


if __name__ == "__main__":
    main()
