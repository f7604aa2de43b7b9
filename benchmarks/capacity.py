"""What one worker and one Redis spend on each thing they do: the figures of docs/scaling.rst.

CPU of the server that does it, so that the client's own cost does not matter, and bytes that
Redis keeps. ``benchmarks/_plan.py`` reckons with them. ``--quick`` trusts its figures less.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextlib import contextmanager
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._measure import caller
from benchmarks._measure import save
from benchmarks.peers.parts import Pinned
from flask_rf.ratelimit.limit import Limit
from flask_rf.ratelimit.limit import Rate
from flask_rf.ratelimit.policy import Policy
from flask_rf.ratelimit.redis import DECIDE
from flask_rf.ratelimit.redis import RedisStore
from flask_rf.ratelimit.store import Claim
from tests.parts.redis import RedisProcess

QUICK = "--quick" in sys.argv
ROUNDS = 2 if QUICK else 5
CALLS = 300 if QUICK else 3000
ONE = "50000000/minute"
THREE = "50000000/minute; 50000000/hour; 50000000/day"
EVENT = b"x" * 232
SUBSCRIBERS = (0, 1, 4, 16)
AT_ONCE = 50
STRATEGIES = ("sliding-window", "sliding-counter", "fixed-window", "token-bucket")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, redis(Path(folder)) as server:
        results = {
            "quick": QUICK,
            "load at the start": round(os.getloadavg()[0], 1),
            "a request, µs of a worker's CPU": requests(Path(folder), server),
            "a worker, MiB": resident(Path(folder)),
            "a decision alone, µs of Redis's CPU": decisions(server),
            f"a decision, {AT_ONCE} at once, µs of Redis's CPU": busy_decisions(server),
            "an event, µs of Redis's CPU": events(server),
            "kept in Redis, bytes": kept(server),
        }
    for name, figures in results.items():
        print(f"{name}: {figures}")
    save("capacity", results)


@contextmanager
def redis(folder: Path) -> Iterator[RedisProcess]:
    server = RedisProcess(folder)
    try:
        yield server
    finally:
        server.stop()


# --- A worker ---


def requests(folder: Path, server: RedisProcess) -> dict[str, float]:
    """A small JSON response over HTTP: all features on, by how limits are counted."""
    cases = {
        "no limit": ("", ""),
        "memory, 1 limit": (ONE, ""),
        "Redis, 1 limit": (ONE, server.url),
        "Redis, 3 limits": (THREE, server.url),
    }
    with ExitStack() as started:
        workers = {
            name: started.enter_context(closing_worker(folder, limit, url))
            for name, (limit, url) in cases.items()
        }
        costs: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, worker in workers.items():
                costs[name].append(spent(worker.cpu, lambda w=worker: visit(w.port)))
    # The machine's speed changes from round to round, and hardly within one.
    plain = costs["no limit"]
    ratios = {
        name: median(cost / least for cost, least in zip(found, plain, strict=True))
        for name, found in costs.items()
    }
    return {name: round(median(plain) * ratio, 1) for name, ratio in ratios.items()}


@contextmanager
def closing_worker(folder: Path, limit: str, url: str) -> Iterator[Pinned]:
    """A gunicorn with one worker, as people run it."""
    command = [sys.executable, "-m", "gunicorn", "-c", "python:flask_rf.gunicorn", "--workers", "1"]
    command += ["--bind", "127.0.0.1:{port}", "benchmarks.peers.small:app"]
    command = ["env", f"RATE_LIMIT_DEFAULT={limit}", "RF_ACCESS_LOG=false", *command]
    worker = Pinned(command, folder, url)
    try:
        visit(worker.port, 50)
        yield worker
    finally:
        worker.stop()


def visit(port: int, calls: int = CALLS) -> None:
    """``calls`` requests over four kept connections, side by side."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_visit, [port] * 4, [calls // 4] * 4))


def _visit(port: int, calls: int) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        for _ in range(calls):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert response.status == 200, response.read()
            response.read()


def spent(cpu: Callable[[], float], work: Callable[[], Any]) -> float:
    """Microseconds of ``cpu`` for each of the :data:`CALLS` that ``work`` makes."""
    before = cpu()
    work()
    return (cpu() - before) * 1e6 / CALLS


def resident(folder: Path) -> float:
    """What a worker holds, its master's share with it, before it holds sockets."""
    with closing_worker(folder, "", "") as worker:
        return round(worker.memory() / 1024**2, 1)


# --- Redis ---


def cpu_of(server: RedisProcess) -> float:
    used = server.client.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def decisions(server: RedisProcess) -> dict[str, float]:
    cases = {strategy: (strategy, ONE) for strategy in STRATEGIES}
    cases["three sliding windows"] = ("sliding-window", THREE)
    calls = {name: caller(limited(server, *case)) for name, case in cases.items()}
    costs: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            costs[name].append(spent(lambda: cpu_of(server), lambda c=call: repeat(c)))
            server.client.flushall()  # a window of millions would be another case
    return {name: round(median(found), 1) for name, found in costs.items()}


def busy_decisions(server: RedisProcess) -> dict[str, float]:
    """The same of a Redis that is asked :data:`AT_ONCE` things at once, as a busy worker asks."""
    costs: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, (strategy, limits) in {
            **{strategy: (strategy, 1) for strategy in STRATEGIES},
            "three sliding windows": ("sliding-window", 3),
        }.items():
            asked = [command(strategy, limits) for _ in range(CALLS)]
            work = partial(at_once, server, asked)
            costs.setdefault(name, []).append(spent(lambda: cpu_of(server), work))
            server.client.flushall()
    return {name: round(median(found), 1) for name, found in costs.items()}


class _Asked(Exception):
    """Carries what a store would have sent."""


class _Recording:
    def execute(self, *command: Any) -> Any:
        raise _Asked(*command)

    execute_each = execute
    scan = execute


def command(strategy: str, limits: int) -> tuple[Any, ...]:
    """What a store sends to decide about a client of its own."""
    client = f"203.0.{random.randrange(256)}.{random.randrange(256)}"
    claims = []
    for seconds in (60, 3600, 86400)[:limits]:
        limit = Limit(Rate(10_000_000, seconds))
        policy = Policy(limit, strategy, "deny", f"bench:1:rl:w{seconds}:{{", "bench")
        claims.append(Claim(policy, policy.storage_key(client), 1))
    try:
        RedisStore(_Recording()).take(claims)  # type: ignore[arg-type]
    except _Asked as asked:
        return ("EVAL", DECIDE.text, *asked.args[2:])
    raise AssertionError("it has asked nothing")


def at_once(server: RedisProcess, asked: list[tuple[Any, ...]]) -> None:
    sha = server.client.script_load(DECIDE.text)
    for n in range(0, len(asked), AT_ONCE):
        pipeline = server.client.pipeline(transaction=False)
        for one in asked[n : n + AT_ONCE]:
            pipeline.execute_command("EVALSHA", sha, *one[2:])
        pipeline.execute()


def limited(server: RedisProcess, strategy: str, limit: str) -> Any:
    from flask import Flask

    from flask_rf import Limiter

    app = Flask("bench")
    limiter = Limiter(app, redis_url=server.url, timeout=1, strategy=strategy)
    app.add_url_rule("/", "index", limiter.limit(limit)(lambda: "ok"))
    return app


def repeat(call: Callable[[], Any]) -> None:
    for _ in range(CALLS):
        call()


def events(server: RedisProcess) -> dict[str, float]:
    """An event published to as many workers; benchmarks/history.py has what keeping it adds."""
    found: dict[str, float] = {}
    for count in SUBSCRIBERS:
        with listeners(server, count):
            publish = [
                spent(
                    lambda: cpu_of(server),
                    lambda: repeat(lambda: server.client.publish("events", EVENT)),
                )
                for _ in range(ROUNDS)
            ]
        found[f"to {count} workers"] = round(median(publish), 1)
    return found


@contextmanager
def listeners(server: RedisProcess, count: int) -> Iterator[None]:
    """Connections that subscribe and read, one for each worker."""
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
    for one in sockets:
        one.sendall(b"SUBSCRIBE events\r\n")
        threading.Thread(target=_drain, args=(one,), daemon=True).start()
    while server.client.pubsub_numsub("events")[0][1] < count:
        pass
    yield
    for one in sockets:
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    while server.client.pubsub_numsub("events")[0][1]:
        pass


def _drain(one: socket.socket) -> None:
    try:
        while one.recv(65536):
            pass
    except OSError:
        return


def _broker(server: RedisProcess) -> Any:
    from flask import Flask

    from flask_rf import Broadcast

    app = Flask("bench")
    app.config.update(SECRET_KEY="a secret of the benchmark", REDIS_TIMEOUT=5)
    Broadcast(app, redis_url=server.url)
    return app.extensions["rf_broadcast"].server.broker


def kept(server: RedisProcess) -> dict[str, float]:
    """Bytes of one count, by strategy and by how much is counted; and of what events need."""
    found: dict[str, float] = {}
    for strategy, requests in (("sliding-window", 10), ("sliding-window", 100)):
        found[f"{strategy}, {requests} requests"] = _bytes_of(server, strategy, requests)
    for strategy in STRATEGIES[1:]:
        found[strategy] = _bytes_of(server, strategy, 100)
    found["an event in a history"] = _bytes_of_an_event(server)
    return found


def _bytes_of(server: RedisProcess, strategy: str, requests: int) -> float:
    server.client.flushall()
    call = caller(limited(server, strategy, "1000/minute"))
    for _ in range(requests):
        call()
    (key,) = server.client.keys("*")
    return float(server.client.memory_usage(key, samples=0))


def _bytes_of_an_event(server: RedisProcess) -> float:
    server.client.flushall()
    from flask_rf.broadcast.envelope import Envelope
    from flask_rf.broadcast.history import History

    broker = _broker(server)
    event = ("orders", Envelope(b'{"data":"%s"}' % EVENT, 0.0), History(1000, 300))
    broker.keep([event] * 1000)
    keys = server.client.keys("*:history:*")
    return round(sum(server.client.memory_usage(key, samples=0) for key in keys) / 1000, 1)


if __name__ == "__main__":
    main()
