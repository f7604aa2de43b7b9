"""What a delivery over WebSockets costs, beside other libraries of Python and Node.

    python -m benchmarks.broadcast [--quick] [NAME ...]

Servers have one core and their clients, Redis and publishers another. They take turns,
round by round; figures are medians of rounds. CPU is a server's own user and system time,
so that it means something on a busy machine too; latencies need a calm one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.parts.redis import RedisProcess

from .peers import report
from .peers.installed import Contender
from .peers.installed import CONTENDERS
from .peers.installed import missing
from .peers.parts import CLIENTS
from .peers.parts import Pinned
from .peers.parts import Talker
from .peers.swarm import Dialect
from .peers.swarm import pusher
from .peers.swarm import Stalled
from .peers.swarm import Swarm

CROWD = 1000
MANY = 10_000
EARLY = 50  # clients that come first, so that memory counts no one-time costs
BYTES = 232
IN_FLIGHT = 50
RATE = 10  # messages a second, one by one

Figures = dict[str, float]


class Length(NamedTuple):
    """How long a run takes."""

    rounds: int
    seconds: float


def main() -> None:
    options = _options()
    length = Length(1, 2.0) if options.quick else Length(3, 5.0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # servers end too
    os.sched_setaffinity(0, {CLIENTS})
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisProcess(folder)
        stack.callback(redis.stop)
        results = report.Results(options.quick)
        chosen = [c for c in CONTENDERS if not options.names or c.name in options.names]
        results.absent = {c.name: why for c in chosen if (why := missing(c))}
        present = [c for c in chosen if c.name not in results.absent]
        results.costs = compare(present, length, folder, redis.url)
        if CONTENDERS[0] in present:
            results.crowd = beside_many(folder, redis.url, length.seconds)
            results.stalled = beside_a_stalled_reader(folder, redis.url, length.seconds)
    results.write()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("benchmarks.broadcast", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(names)}")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"no contender {', '.join(unknown)}. There are: {', '.join(names)}")
    return options


# --- The same task for all ---


def compare(
    contenders: list[Contender], length: Length, folder: Path, url: str
) -> dict[str, Figures]:
    """The medians of all rounds' figures by contender."""
    rounds: dict[str, list[Figures]] = {contender.name: [] for contender in contenders}
    for number in range(1, length.rounds + 1):
        for contender in contenders:
            print(f"round {number} of {length.rounds}: {contender.name}", file=sys.stderr)
            figures = measure(contender, length.seconds, folder, url)
            rounds[contender.name].append(figures)
    return {name: _medians(figures) for name, figures in rounds.items()}


def _medians(rounds: list[Figures]) -> Figures:
    return {key: median(figures[key] for figures in rounds) for key in rounds[0]}


class Stage(NamedTuple):
    """A server, its clients and its publisher."""

    server: Pinned
    swarm: Swarm
    publisher: Talker


@contextmanager
def staged(contender: Contender, folder: Path, url: str, dialect: Dialect) -> Iterator[Stage]:
    with ExitStack() as stack:
        server = Pinned(contender.serve, folder, url)
        stack.callback(server.stop)
        swarm = stack.enter_context(closing(Swarm(server.port, dialect)))
        publisher = Talker(contender.publish, url)
        stack.callback(publisher.kill)
        yield Stage(server, swarm, publisher)


def measure(contender: Contender, seconds: float, folder: Path, url: str) -> Figures:
    with staged(contender, folder, url, contender.dialect) as stage:
        figures = opening(stage, CROWD)
        figures |= one_by_one(stage, seconds)
        figures |= in_flight(stage, seconds)
        return figures


def opening(stage: Stage, count: int) -> Figures:
    """What handshakes and idle connections cost."""
    server, swarm, publisher = stage
    swarm.connect(EARLY)
    publisher.tell(f"bench 5 {BYTES}")
    swarm.read_until(5)
    swarm.restart()
    memory, cpu = server.memory(), server.cpu()
    swarm.connect(count - EARLY)
    cpu = server.cpu() - cpu
    time.sleep(0.5)
    newcomers = count - EARLY
    return {
        "idle_kib": (server.memory() - memory) / newcomers / 1024,
        "handshake_us": cpu / newcomers * 1e6,
    }


def one_by_one(stage: Stage, seconds: float) -> Figures:
    """Messages some time apart, so that each is sent alone."""
    server, swarm, publisher = stage
    swarm.restart()
    cpu, count = server.cpu(), int(seconds * RATE)
    next_at = time.monotonic()
    for _ in range(count):
        publisher.tell(f"bench 1 {BYTES}")
        next_at += 1 / RATE
        while (left := next_at - time.monotonic()) > 0:
            swarm.read(left, timing=True)
    swarm.read_until(count, timing=True)
    cpu = server.cpu() - cpu
    return {
        "delivery_us": cpu / len(swarm.latencies) * 1e6,
        "p50_ms": _percentile(swarm.latencies, 50) * 1000,
        "p99_ms": _percentile(swarm.latencies, 99) * 1000,
    }


def in_flight(stage: Stage, seconds: float) -> Figures:
    """Volleys of many messages; the next one when everybody has the last."""
    server, swarm, publisher = stage
    swarm.restart()
    cpu, began, count = server.cpu(), time.monotonic(), 0
    while time.monotonic() - began < seconds:
        publisher.tell(f"bench {IN_FLIGHT} {BYTES}")
        count += IN_FLIGHT
        swarm.read_until(count)
    cpu, wall = server.cpu() - cpu, time.monotonic() - began
    deliveries = count * CROWD
    return {"volley_us": cpu / deliveries * 1e6, "volley_per_second": deliveries / wall}


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


# --- Ours alone ---


def beside_many(folder: Path, url: str, seconds: float) -> Figures:
    """Plain requests to the worker that holds very many idle sockets."""
    with staged(CONTENDERS[0], folder, url, pusher("bench")) as stage:
        server, swarm, publisher = stage
        figures = {f"alone_{k}": v for k, v in probe(server.port, swarm, seconds).items()}
        print(f"opening {MANY} connections", file=sys.stderr)
        figures |= opening(stage, MANY)
        figures |= {f"idle_{k}": v for k, v in probe(server.port, swarm, seconds).items()}
        swarm.restart()
        fan_outs = probe(server.port, swarm, seconds, publisher)
        return figures | {f"fan_out_{k}": v for k, v in fan_outs.items()}


def probe(port: int, swarm: Swarm, seconds: float, publisher: Talker | None = None) -> Figures:
    """Latencies of a plain page, while a message goes to all sockets twice a second or not."""
    prober = Talker([sys.executable, "-m", "benchmarks.peers.probe", str(port), "/plain"])
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        if publisher is None:
            swarm.read(0.1)
            time.sleep(0.1)
        else:
            publisher.tell(f"bench 1 {BYTES}")
            count += 1
            pause = time.monotonic() + 0.5
            while (left := pause - time.monotonic()) > 0:
                swarm.read(left)
    if publisher is not None:
        swarm.read_until(count)
    latencies = json.loads(prober.end())
    return {
        "p50_ms": _percentile(latencies, 50) * 1000,
        "p99_ms": _percentile(latencies, 99) * 1000,
        "max_ms": max(latencies) * 1000,
    }


def beside_a_stalled_reader(folder: Path, url: str, seconds: float) -> Figures:
    """One client gets large messages of its own: first it reads them, then it does not."""
    with staged(CONTENDERS[0], folder, url, pusher("bench")) as stage:
        stage.swarm.connect(CROWD - 1)
        figures = {}
        for name, reads in (("reading", True), ("stalled", False)):
            with closing(Stalled(stage.server.port, pusher("large"), reads)) as reader:
                before = stage.server.memory()
                most, latencies = large_beside_small(stage, reader, seconds)
                figures[f"{name}_p99_ms"] = _percentile(latencies, 99) * 1000
                figures[f"{name}_memory_kib"] = (most - before) / 1024
                figures[f"{name}_closed"] = float(reader.was_closed())
        return figures


def large_beside_small(stage: Stage, reader: Stalled, seconds: float) -> tuple[int, list[float]]:
    """The server's largest memory meanwhile, and the latencies of everybody else."""
    server, swarm, publisher = stage
    swarm.restart()
    most, count = 0, int(seconds * RATE)
    next_at = time.monotonic()
    for _ in range(count):
        publisher.tell("large 4 60000")
        publisher.tell(f"bench 1 {BYTES}")
        next_at += 1 / RATE
        while (left := next_at - time.monotonic()) > 0:
            swarm.read(min(left, 0.02), timing=True)
            reader.read()
        most = max(most, server.memory())
    swarm.read_until(count, timing=True)
    return most, swarm.latencies


if __name__ == "__main__":
    main()
