"""The process that publishes: for each line ``CHANNEL COUNT BYTES`` on its input, so many messages.

    python -m benchmarks.peers.publish rf|redis|flask-socketio

A message is JSON of so many bytes with the time in it, in nanoseconds of the clock that all
processes of a machine share.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Publish = Callable[[str, dict[str, str]], Any]


def message(size: int) -> dict[str, str]:
    head = {"sent": f"{time.monotonic_ns():018}", "pad": ""}
    return {**head, "pad": "x" * (size - len(compact(head)))}


def compact(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def rf() -> Publish:
    from .rf import rf

    return lambda channel, data: rf.broadcast.to(channel).send("message", data)


def redis() -> Publish:
    from redis import Redis

    client = Redis.from_url(os.environ["REDIS_URL"])
    return lambda channel, data: client.publish(channel, compact(data))


def flask_socketio() -> Publish:
    from flask_socketio import SocketIO

    outside = SocketIO(message_queue=os.environ["REDIS_URL"])
    return lambda channel, data: outside.emit("message", data)


def main() -> None:
    ways = {"rf": rf, "redis": redis, "flask-socketio": flask_socketio}
    publish = ways[sys.argv[1]]()
    print("ready", flush=True)
    for line in sys.stdin:
        channel, count, size = line.split()
        for _ in range(int(count)):
            publish(channel, message(int(size)))


if __name__ == "__main__":
    main()
