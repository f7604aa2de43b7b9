"""How many workers and what Redis a load takes, by the measured figures.

    python3 -m benchmarks._plan --requests 2000 --limits 1 --sockets 50000

docs/scaling.rst has the formulas in words; both reckon with ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

#: How much of a core may be in use; the rest is for peaks, and for what the app itself does.
BUSY = 0.6
#: BROADCAST_MAX_CONNECTIONS.
SOCKETS_A_WORKER = 20_000


@dataclass(frozen=True)
class Figures:
    """What things cost: µs of CPU where it is not bytes.

    :param request: of a worker, by limits: 0, 1 or 3, all counted in Redis.
    :param delivery: of a worker, one event to one socket.
    :param handshake: of a worker, one new socket.
    :param socket: KiB of an idle socket.
    :param worker: MiB of a worker without sockets.
    :param decision: of Redis when it is busy, by limits.
    :param publish: of Redis, one event: a fixed part, and one for each worker.
    :param keep: of Redis, what a history adds to an event.
    :param count: bytes of one count in Redis, by strategy.
    """

    request: dict[int, float]
    delivery: float
    handshake: float
    socket: float
    worker: float
    decision: dict[int, float]
    publish: tuple[float, float]
    keep: float
    count: dict[str, float]


def measured(folder: Path = RESULTS) -> Figures:
    """The figures of the latest runs."""
    capacity, broadcast = (_read(folder, name) for name in ("capacity", "broadcast"))
    history = _read(folder, "history")
    requests = capacity["a request, µs of a worker's CPU"]
    decisions = capacity["a decision, 50 at once, µs of Redis's CPU"]
    events = capacity["an event, µs of Redis's CPU"]
    alone, many = events["to 1 workers"], events["to 16 workers"]
    each = (many - alone) / 15
    return Figures(
        request={
            0: requests["no limit"],
            1: requests["Redis, 1 limit"],
            3: requests["Redis, 3 limits"],
        },
        delivery=broadcast["costs"]["flask_rf"]["delivery_us"],
        handshake=broadcast["crowd"]["handshake_us"],
        socket=broadcast["crowd"]["idle_kib"],
        worker=capacity["a worker, MiB"],
        decision={
            0: 0.0,
            1: decisions["sliding-window"],
            3: decisions["three sliding windows"],
        },
        publish=(alone - each, each),
        keep=history["kept"]["redis"] - history["passed on"]["redis"],
        count=capacity["kept in Redis, bytes"],
    )


@dataclass(frozen=True)
class Load:
    """What is asked of an app.

    :param requests: a second.
    :param own: milliseconds of CPU that the app itself spends on one.
    :param limits: of each request: 0, 1 or 3.
    :param clients: who are counted within a window.
    :param count: what one client's count is: a key of :attr:`Figures.count`.
    :param sockets: open at once.
    :param events: published a second.
    :param listeners: sockets that an event reaches.
    :param history: whether events are kept for those who were away.
    """

    requests: float = 0.0
    own: float = 0.0
    limits: int = 0
    clients: int = 0
    count: str = "sliding-counter"
    sockets: int = 0
    events: float = 0.0
    listeners: float = 0.0
    history: bool = False


@dataclass(frozen=True)
class Plan:
    """What carries a load.

    :param cores: of the workers, at :data:`BUSY`.
    :param workers: processes, one for each core.
    :param memory: MiB of all workers.
    :param redis: share of one core of Redis; above :data:`BUSY` it is too much for one.
    :param redis_memory: MiB.
    :param storm: seconds until all sockets are back after all were lost at once.
    """

    cores: float
    workers: int
    memory: float
    redis: float
    redis_memory: float
    storm: float


def plan(load: Load, figures: Figures) -> Plan:
    request = figures.request[load.limits] + load.own * 1000
    busy = load.requests * request + load.events * load.listeners * figures.delivery
    cores = busy / 1e6 / BUSY
    workers = max(math.ceil(cores), math.ceil(load.sockets / SOCKETS_A_WORKER), 1)
    fixed, each = figures.publish
    event = fixed + each * workers + (figures.keep if load.history else 0.0)
    redis = (load.requests * figures.decision[load.limits] + load.events * event) / 1e6
    counts = load.clients * load.limits * figures.count[load.count]
    return Plan(
        cores=cores,
        workers=workers,
        memory=workers * figures.worker + load.sockets * figures.socket / 1024,
        redis=redis,
        redis_memory=counts / 1024**2,
        storm=load.sockets * figures.handshake / 1e6 / workers,
    )


_UNITS = {
    "cores": f"at {BUSY:.0%} each",
    "workers": "",
    "memory": "MiB of all workers",
    "redis": "of one core",
    "redis_memory": "MiB",
    "storm": "s until all sockets are back",
}


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = Load()
    for name, value in vars(defaults).items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=type(value), default=value)
    found = plan(Load(**vars(parser.parse_args())), measured())
    for name, value in vars(found).items():
        print(f"{name:14}{value:10,.2f} {_UNITS[name]}".rstrip())
    if found.redis > BUSY:
        print("Too much for one Redis: a Cluster for limits, another server for events.")


if __name__ == "__main__":
    main()
