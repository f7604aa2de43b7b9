"""What limits cost, beside Flask-Limiter and its library ``limits``.

``--quick`` takes a few seconds and trusts its figures less. CPU is this process's own, so
that it means something on a busy machine too; wall time needs a calm one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._measure import caller
from benchmarks._measure import Cost
from benchmarks._measure import interleaved
from benchmarks._measure import save
from benchmarks.peers.report import Promise

QUICK = "--quick" in sys.argv
ROUNDS = 5 if QUICK else 40
GREENLETS = 64
CHECKS = 40
IPV6_CLIENT = "2001:db80:85a3:8d3f::/64"
ONE = "50000000/minute"
THREE = "50000000/minute; 50000000/hour; 50000000/day"
Costs = dict[str, Cost]


def main() -> None:
    if "--greenlets" in sys.argv:
        print(json.dumps(_worker(sys.argv[-1])))
        return
    with _redis() as server:
        added = _requests(server.url)
        checks, alone = _in_a_patched_process(server.url)
        denial = _denial()
        size = _bucket_size(server)
    _print("Added to a request, headers on", added)
    _print(f"A check by one of {GREENLETS} greenlets", checks)
    promises = [str(promise) for promise in _promises(added, checks, alone, denial, size)]
    print("", *promises, sep="\n")
    results = {
        "quick": QUICK,
        "load at the start": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("flask", "flask-limiter", "limits")},
        "added to a request, µs": {name: cost._asdict() for name, cost in added.items()},
        "a check among greenlets, µs": {name: cost._asdict() for name, cost in checks.items()},
        "a check by an idle worker, p50, µs": alone,
        "a denial known in the process, µs of CPU": denial,
        "a token bucket of an IPv6 client, bytes": size,
    }
    save("ratelimit", {**results, "promises": promises})


def _promises(
    added: Costs, checks: Costs, alone: float, denial: float, size: int
) -> Iterator[Promise]:
    for what, most, ratio in (("memory, 1 limit", 25, 6), ("Redis, 3 limits", 185, 4)):
        ours, theirs = added[f"ours: {what}"].cpu, added[f"theirs: {what}"].cpu
        yield Promise(f"{what}, µs of CPU added", ours, most)
        yield Promise(f"{what}, times less than Flask-Limiter", theirs / ours, ratio, True)
    for kind in ("fixed window", "exact"):
        us, them = checks[f"ours: {kind}"], checks[f"theirs: {kind}"]
        yield Promise(f"{kind}, times the checks/s of limits", them.wall / us.wall, 5, True)
        yield Promise(f"{kind}, of the CPU of limits", us.cpu / them.cpu, 0.1)
    yield Promise("checks/s of one worker", 1e6 / checks["ours: exact"].wall, 10_000, True)
    yield Promise("a check by an idle worker, p50, µs", alone, 1000)
    yield Promise("a denial known in the process, µs", denial, 2)
    yield Promise("a token bucket of an IPv6 client, bytes", size, 112)


def _print(title: str, costs: Costs) -> None:
    print(f"\n{title + ', µs':40}{'CPU':>8}{'wall':>8}")
    for name, cost in costs.items():
        print(f"{name:40}{cost.cpu:8.1f}{cost.wall:8.1f}")


@contextmanager
def _redis() -> Iterator[Any]:
    from tests.parts.redis import RedisProcess

    with tempfile.TemporaryDirectory() as folder:
        server = RedisProcess(Path(folder))
        try:
            yield server
        finally:
            server.stop()


# --- What a limit adds to a request ---


def _requests(url: str) -> Costs:
    apps = {
        "plain Flask": _plain(),
        "ours: no limit": _ours(None),
        "theirs: no limit": _theirs(None, "memory://"),
        "ours: memory, 1 limit": _ours(ONE),
        "theirs: memory, 1 limit": _theirs(ONE, "memory://"),
        "ours: Redis, 1 limit": _ours(ONE, url),
        "theirs: Redis, 1 limit": _theirs(ONE, url),
        "ours: Redis, 3 limits": _ours(THREE, url),
        "theirs: Redis, 3 limits": _theirs(THREE, url),
    }
    costs = interleaved({name: caller(app) for name, app in apps.items()}, 75, ROUNDS)
    plain = costs.pop("plain Flask")
    return {name: Cost(c.cpu - plain.cpu, c.wall - plain.wall) for name, c in costs.items()}


def _plain() -> Any:
    from flask import Flask

    app = Flask("bench")
    app.add_url_rule("/", "index", _ok)
    return app


def _ours(limit: str | None, url: str | None = None) -> Any:
    from flask import Flask

    from flask_rf import Limiter

    app = Flask("bench")
    # Each library counts as it does by default: ours exactly, theirs in fixed windows.
    limiter = Limiter(app, redis_url=url, timeout=1) if url else Limiter(app)
    app.add_url_rule("/", "index", limiter.limit(limit)(_ok) if limit else _ok)
    return app


def _theirs(limit: str | None, url: str) -> Any:
    from flask import Flask
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address

    app = Flask("bench")
    limiter = Limiter(get_remote_address, app=app, storage_uri=url, headers_enabled=True)
    app.add_url_rule("/", "index", limiter.limit(limit)(_ok) if limit else _ok)
    return app


def _ok() -> str:
    return "ok"


# --- Many greenlets, one Redis ---


def _in_a_patched_process(url: str) -> tuple[Costs, float]:
    quick = ["--quick"] if QUICK else []
    command = [sys.executable, "-m", "benchmarks.ratelimit", *quick, "--greenlets", url]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(result.stdout)
    return {name: Cost(*cost) for name, cost in found["checks"].items()}, found["alone"]


def _worker(url: str) -> dict[str, Any]:
    from gevent import monkey

    monkey.patch_all()
    from flask_rf.ratelimit.redis import RedisStore
    from flask_rf.redis import RedisOptions
    from flask_rf.redis.sender import Sender

    store = RedisStore(Sender(url, RedisOptions(), 5.0))
    return {"checks": _greenlets(url, store), "alone": _alone(store)}


def _greenlets(url: str, store: Any) -> Costs:
    from limits import parse
    from limits.storage import RedisStorage
    from limits.strategies import FixedWindowRateLimiter
    from limits.strategies import MovingWindowRateLimiter

    # redis-py's pool would refuse a connection beyond its 64th by ending the run
    storage = RedisStorage(url, max_connections=2 * GREENLETS)
    item = parse(ONE)

    def ours(strategy: str) -> Callable[[int], object]:
        claims = [[_claim(strategy, f"client-{n}")] for n in range(GREENLETS)]
        return lambda n: store.take(claims[n])

    def theirs(kind: Any) -> Callable[[int], object]:
        limiter = kind(storage)
        # strategies of limits share their keys, and meet each other's types
        return lambda n: limiter.hit(item, kind.__name__, f"client-{n}")

    checks = {
        "ours: fixed window": ours("fixed-window"),
        "theirs: fixed window": theirs(FixedWindowRateLimiter),
        "ours: exact": ours("sliding-window"),
        "theirs: exact": theirs(MovingWindowRateLimiter),
        "ours: token bucket": ours("token-bucket"),
    }
    costs = interleaved({name: _crowd(check) for name, check in checks.items()}, 1, ROUNDS)
    each = GREENLETS * CHECKS
    return {name: Cost(cost.cpu / each, cost.wall / each) for name, cost in costs.items()}


def _crowd(check: Callable[[int], object]) -> Callable[[], None]:
    import gevent

    def work(n: int) -> None:
        for _ in range(CHECKS):
            check(n)

    def run() -> None:
        gevent.joinall([gevent.spawn(work, n) for n in range(GREENLETS)], raise_error=True)

    return run


def _alone(store: Any) -> float:
    """The median of checks one after the other, from a greenlet as a worker's request is."""
    import gevent

    claims = [_claim("sliding-window", "alone")]

    def check() -> float:
        began = time.perf_counter()
        store.take(claims)
        return time.perf_counter() - began

    times = gevent.spawn(lambda: [check() for _ in range(50 * ROUNDS)]).get()
    return median(times) * 1e6


# --- Denials and memory ---


def _denial() -> float:
    from flask_rf.ratelimit.denials import Denials
    from flask_rf.ratelimit.memory import MemoryStore
    from flask_rf.ratelimit.responses import Decision
    from flask_rf.ratelimit.store import Verdict

    claim, denials, store = _claim("fixed-window", IPV6_CLIENT), Denials(), MemoryStore()
    store.shared = True
    verdict = Verdict(False, 0, 60_000_000, 60_000_000, 0, store)
    denials.remember([Decision(claim, verdict)])
    claims = [claim]
    assert denials.find(claims)
    (cost,) = interleaved({"find": lambda: denials.find(claims)}, 5_000, ROUNDS).values()
    return cost.cpu


def _bucket_size(server: Any) -> int:
    from flask_rf.ratelimit.redis import RedisStore
    from flask_rf.redis import RedisOptions
    from flask_rf.redis.sender import Sender

    claim = _claim("token-bucket", IPV6_CLIENT)
    RedisStore(Sender(server.url, RedisOptions(), 1.0)).take([claim])
    return int(server.client.memory_usage(claim.key))


def _claim(strategy: str, client: str) -> Any:
    from flask_rf.ratelimit import Limit
    from flask_rf.ratelimit.plan import PolicyMaker
    from flask_rf.ratelimit.store import Claim

    policy = PolicyMaker("shop:1:rl", strategy).make(Limit.per_minute(50_000_000), "orders")
    return Claim(policy, policy.storage_key(client))


if __name__ == "__main__":
    main()
