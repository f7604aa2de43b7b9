"""One of several workers whose greenlets ask one Redis for all they can get.

    python -m gevent.monkey --module tests.apps.crowd WORKERS GREENLETS SECONDS COUNT

Asks until each strategy, of COUNT a second, has denied something, and at least for SECONDS.
Prints, by strategy, what was admitted: not before and not after when (Unix time), and the mark
by which its store knows it. Requests that were not counted in Redis are left out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import gevent
from flask import Flask
from redis import Redis

from flask_rf import Limiter
from flask_rf.ratelimit.limit import STRATEGIES

app = Flask("shop")
limiter = Limiter(app)
admitted: dict[str, list[tuple[float, float, Any]]] = {}
denied: set[str] = set()


def mark() -> dict[str, Any]:
    decision = limiter.current_limit
    assert decision is not None
    store = decision.verdict.held_by
    return {"mark": decision.verdict.mark, "shared": store is not None and store.shared}


def at_once() -> dict[str, Any]:
    entered, said = time.time(), mark()
    gevent.sleep(0.01)
    return {**said, "within": (entered, time.time())}


def ask(strategy: str) -> None:
    began = time.time()
    answer = app.test_client().get(f"/{strategy}")
    ended = time.time()
    if answer.status_code == 429:
        denied.add(strategy)
    elif answer.json["shared"]:
        began, ended = answer.json.get("within", (began, ended))
        admitted[strategy].append((began, ended, answer.json["mark"]))


def main(workers: int, greenlets: int, seconds: int, count: int) -> None:
    for strategy in STRATEGIES:
        limit = limiter.limit(f"{count}/second", strategy=strategy)
        app.add_url_rule(f"/{strategy}", strategy, limit(lambda: mark()))
    app.add_url_rule("/concurrency", "concurrency", limiter.concurrency(count)(at_once))
    admitted.update({endpoint: [] for endpoint in ("concurrency", *STRATEGIES)})
    limiter.check()

    redis = Redis.from_url(os.environ["REDIS_URL"])
    redis.incr("ready")
    while int(redis.get("ready") or 0) < workers:
        time.sleep(0.01)
    end = time.monotonic() + seconds

    def hammer() -> None:
        while time.monotonic() < end or len(denied) < len(admitted):
            for strategy in admitted:
                ask(strategy)

    gevent.joinall([gevent.spawn(hammer) for _ in range(greenlets)], raise_error=True)
    print(json.dumps(admitted))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
