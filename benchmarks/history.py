"""What it costs Redis, and the process that sends, to keep events for those who were away.

    python -m benchmarks.history [--quick]

Redis's figure is its own (INFO commandstats, usec_per_call); the sender's is its CPU. Events are
sent by greenlets side by side, as views of one worker send them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from typing import NamedTuple

import gevent

from benchmarks._measure import save
from benchmarks.peers.report import Promise
from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.history import History
from flask_rf.broadcast.redis import RedisBroker
from flask_rf.redis import RedisOptions
from flask_rf.redis import RedisServer
from flask_rf.redis.sender import commands_to
from tests.parts.redis import RedisProcess

ROUNDS = 5 if "--quick" in sys.argv else 30
GREENLETS, EACH = 20, 50
KEPT = History(100, 300)
EVENT = Envelope(b'{"event":"message","channel":"chat","data":"%b"}' % (b"x" * 150), 0.0, "1.2")


class Cost(NamedTuple):
    """Microseconds an event takes: of Redis, and of the sender's CPU."""

    redis: float
    sender: float


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisProcess(Path(folder))
        try:
            costs = _costs(server)
        finally:
            server.stop()
    for name, cost in costs.items():
        print(f"{name:12}{cost.redis:8.1f} µs of Redis {cost.sender:8.1f} µs of the sender")
    promises = [str(Promise("an event kept, µs of Redis", costs["kept"].redis, 25))]
    print(*promises, sep="\n")
    save(
        "history", {**{name: cost._asdict() for name, cost in costs.items()}, "promises": promises}
    )


def _costs(server: RedisProcess) -> dict[str, Cost]:
    options = RedisOptions(timeout=5.0)
    listening = RedisServer(server.url, options)
    broker = RedisBroker(commands_to(server.url, options, 5.0), listening, "bench:1:1")
    cases: dict[str, tuple[str, Callable[[str], object]]] = {
        "passed on": ("publish", lambda channel: broker.publish([(channel, EVENT)])),
        "kept": ("evalsha", lambda channel: broker.keep([(channel, EVENT, KEPT)])),
        "given back": ("evalsha", lambda channel: broker.recover([(channel, None)])),
    }
    found: dict[str, list[Cost]] = {name: [] for name in cases}
    for _ in range(ROUNDS + 1):
        for name, (command, work) in cases.items():
            found[name].append(_cost(server.client, command, work))
    broker.stop()
    return {
        name: Cost(median(c.redis for c in costs[1:]), median(c.sender for c in costs[1:]))
        for name, costs in found.items()
    }


def _cost(client: Any, command: str, work: Callable[[str], object]) -> Cost:
    def send(n: int) -> None:
        for _ in range(EACH):
            work(f"chat-{n}")

    client.config_resetstat()
    cpu = time.process_time()
    gevent.joinall([gevent.spawn(send, n) for n in range(GREENLETS)], raise_error=True)
    cpu = time.process_time() - cpu
    stats = client.info("commandstats")[f"cmdstat_{command}"]
    return Cost(stats["usec_per_call"], cpu * 1e6 / (GREENLETS * EACH))


if __name__ == "__main__":
    main()
