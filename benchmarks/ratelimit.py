"""What limits cost, beside Flask-Limiter and its library ``limits``.

Cases take turns, round by round, so that whatever else the machine does falls on all of
them alike; figures are medians of rounds, and ratios are of those medians.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from typing import NamedTuple

ROUNDS = 40
GREENLETS = 64
IPV6_CLIENT = "2001:db80:85a3:8d3f::/64"
ONE = "50000000/minute"
THREE = "50000000/minute; 50000000/hour; 50000000/day"


class Cost(NamedTuple):
    """Microseconds an operation takes: of this process's CPU, and by the clock."""

    cpu: float
    wall: float


def main() -> None:
    if "--greenlets" in sys.argv:
        _greenlets(sys.argv[-1])
        return
    with _redis() as server:
        _requests(server.url)
        command = [sys.executable, "-m", "benchmarks.ratelimit", "--greenlets", server.url]
        subprocess.run(command, check=True)
        _denials()
        _memory(server)


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


def _requests(url: str) -> None:
    cases = {
        "plain Flask": _plain(),
        "ours, no limit": _ours(None),
        "theirs, no limit": _theirs(None, "memory://"),
        "ours, memory, 1 limit": _ours(ONE),
        "theirs, memory, 1 limit": _theirs(ONE, "memory://"),
        "ours, Redis, 1 limit": _ours(ONE, url),
        "theirs, Redis, 1 limit": _theirs(ONE, url),
        "ours, Redis, 3 limits": _ours(THREE, url),
        "theirs, Redis, 3 limits": _theirs(THREE, url),
    }
    costs = _interleaved({name: _caller(app) for name, app in cases.items()}, 75)
    plain = costs.pop("plain Flask")
    print(f"\nA request of plain Flask: {plain.wall:.0f} µs. Added, headers on:\n")
    print(f"{'':26}{'CPU µs':>8}{'wall µs':>9}")
    added = {name: Cost(c.cpu - plain.cpu, c.wall - plain.wall) for name, c in costs.items()}
    for name, cost in added.items():
        print(f"{name:26}{cost.cpu:8.1f}{cost.wall:9.1f}")
    print()
    _compare(added, "memory, 1 limit", most=25, ratio=6)
    _compare(added, "Redis, 1 limit")
    _compare(added, "Redis, 3 limits", most=185, ratio=4)


def _plain() -> Any:
    from flask import Flask

    app = Flask("bench")
    app.add_url_rule("/", "index", lambda: "ok")
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


def _caller(app: Any) -> Callable[[], None]:
    def start_response(status: str, headers: list[Any], error: Any = None) -> Callable[..., Any]:
        assert status == "200 OK", status
        return lambda data: None

    def call() -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        }
        body = app.wsgi_app(environ, start_response)
        b"".join(body)
        body.close()

    return call


def _compare(added: dict[str, Cost], what: str, most: float = 0, ratio: float = 0) -> None:
    ours, theirs = added[f"ours, {what}"], added[f"theirs, {what}"]
    less = f"{theirs.cpu / ours.cpu:.1f}× less CPU, {theirs.wall / ours.wall:.1f}× less time"
    wanted = f" (wanted: at most {most} µs, {ratio}× less)" if most else ""
    print(f"{what}: {ours.wall:.1f} µs; {less} than Flask-Limiter{wanted}")


# --- Many greenlets on one connection ---


def _greenlets(url: str) -> None:
    from gevent import monkey

    monkey.patch_all()
    from limits import parse
    from limits.storage import RedisStorage
    from limits.strategies import FixedWindowRateLimiter
    from limits.strategies import MovingWindowRateLimiter

    from flask_rf.ratelimit import Limit
    from flask_rf.ratelimit.plan import PolicyMaker
    from flask_rf.ratelimit.redis import RedisStore
    from flask_rf.ratelimit.store import Claim
    from flask_rf.redis import RedisOptions
    from flask_rf.redis.lane import Sender

    store = RedisStore(Sender(url, RedisOptions(), 5.0))
    # redis-py's pool would refuse the 65th connection by ending the run
    storage = RedisStorage(url, max_connections=2 * GREENLETS)
    item = parse(ONE)

    def ours(strategy: str) -> Callable[[int], None]:
        policy = PolicyMaker("bench", strategy).make(Limit.per_minute(50_000_000), "x")
        claims = [[Claim(policy, policy.storage_key(f"k{n}"))] for n in range(GREENLETS)]
        return lambda n: store.take(claims[n]) and None

    def theirs(kind: Any) -> Callable[[int], None]:
        limiter = kind(storage)
        return lambda n: limiter.hit(item, kind.__name__, f"k{n}") and None

    cases = {
        "ours, fixed window": ours("fixed-window"),
        "theirs, fixed window": theirs(FixedWindowRateLimiter),
        "ours, exact": ours("sliding-window"),
        "theirs, exact": theirs(MovingWindowRateLimiter),
        "ours, token bucket": ours("token-bucket"),
    }
    costs = _interleaved({name: _crowd(check) for name, check in cases.items()}, 1, 40 * GREENLETS)
    print(f"\nChecks by {GREENLETS} greenlets of one process:\n")
    print(f"{'':26}{'CPU µs':>8}{'checks/s':>10}")
    for name, cost in costs.items():
        print(f"{name:26}{cost.cpu:8.1f}{1e6 / cost.wall:10.0f}")
    print()
    for kind in ("fixed window", "exact"):
        us, them = costs[f"ours, {kind}"], costs[f"theirs, {kind}"]
        print(
            f"{kind}: {them.wall / us.wall:.1f}× the checks/s of limits at "
            f"1/{them.cpu / us.cpu:.0f} of its CPU (wanted: 5×, 1/10)"
        )


def _crowd(check: Callable[[int], None]) -> Callable[[], None]:
    import gevent

    def work(n: int) -> None:
        for _ in range(40):
            check(n)

    def run() -> None:
        gevent.joinall([gevent.spawn(work, n) for n in range(GREENLETS)], raise_error=True)

    return run


# --- Denials and memory ---


def _denials() -> None:
    from flask_rf.ratelimit.denials import Denials
    from flask_rf.ratelimit.redis import RedisStore
    from flask_rf.ratelimit.responses import Decision
    from flask_rf.ratelimit.store import Verdict

    claim = _claim("fixed-window")
    denials = Denials()
    holder = RedisStore.__new__(RedisStore)
    verdict = Verdict(False, 0, 60_000_000, 60_000_000, 0, holder)
    denials.remember([Decision(claim, verdict)])
    claims = [claim]
    costs = _interleaved({"find": lambda: denials.find(claims) and None}, 20_000)
    assert denials.find(claims)
    print(f"\nA denial known in the process: {costs['find'].cpu:.2f} µs (wanted: at most 2)")


def _memory(server: Any) -> None:
    from flask_rf.ratelimit.redis import RedisStore
    from flask_rf.redis import RedisOptions
    from flask_rf.redis.lane import Sender

    claim = _claim("token-bucket")
    RedisStore(Sender(server.url, RedisOptions(), 1.0)).take([claim])
    size = server.client.memory_usage(claim.key)
    print(f"A token bucket of an IPv6 client in Redis: {size} bytes (wanted: at most 112)")


def _claim(strategy: str) -> Any:
    from flask_rf.ratelimit import Limit
    from flask_rf.ratelimit.plan import PolicyMaker
    from flask_rf.ratelimit.store import Claim

    policy = PolicyMaker("shop:1:rl", strategy).make(Limit.per_minute(60), "orders")
    return Claim(policy, policy.storage_key(IPV6_CLIENT))


def _interleaved(
    cases: dict[str, Callable[[], None]], calls: int, operations: int = 1
) -> dict[str, Cost]:
    """The median cost of an operation in each case.

    :param calls: of a case in a round.
    :param operations: done by one call.
    """
    rounds: dict[str, list[Cost]] = {name: [] for name in cases}
    for number in range(ROUNDS + 1):
        for name, call in cases.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(calls):
                call()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if number:  # the first round warms up
                each = 1e6 / (calls * operations)
                rounds[name].append(Cost(cpu * each, wall * each))
    return {
        name: Cost(median(c.cpu for c in costs), median(c.wall for c in costs))
        for name, costs in rounds.items()
    }


if __name__ == "__main__":
    os.environ.pop("REDIS_URL", None)
    main()
