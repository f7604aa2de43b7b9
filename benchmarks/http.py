"""What request ids, CORS and compression cost, beside Flask-Cors and Flask-Compress.

``--quick`` takes a few seconds and trusts its figures less.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from flask import Flask
from flask import Response

from benchmarks._measure import caller
from benchmarks._measure import Cost
from benchmarks._measure import interleaved
from benchmarks._measure import save
from benchmarks.peers.report import Promise

ORIGIN = "https://app.example.com"
QUICK = "--quick" in sys.argv
ROUNDS = 5 if QUICK else 25
GREENLETS = 50
Call = Callable[[], bytes]


def main() -> None:
    if "--stalls" in sys.argv:
        print(json.dumps(_stalls()))
        return
    results = {
        "quick": QUICK,
        "load at the start": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("flask", "flask-cors", "flask-compress")},
        "a small JSON response, µs of CPU": _small(),
        "100 kB of JSON, µs of CPU and ratio": _large(),
        "1 MB among greenlets, ms of the longest wait": _among_greenlets(),
    }
    promises = [str(promise) for promise in _promises(*list(results.values())[-3:])]
    print("", *promises, sep="\n")
    save("http", {**results, "promises": promises})


def _promises(small: Any, large: Any, stalls: Any) -> Iterator[Promise]:
    yield Promise("request id, CORS and compression add, µs", small["ours: all three"], 20)
    yield Promise("100 kB of JSON as zstd, µs", large["ours: zstd"]["cpu"], 350)
    yield Promise("100 kB of JSON as zstd, cached, µs", large["ours: zstd, cached"]["cpu"], 160)
    ours, theirs = large["ours: gzip"], large["theirs: gzip"]
    yield Promise(
        "100 kB of JSON as gzip, of Flask-Compress's time", ours["cpu"] / theirs["cpu"], 0.5
    )
    ratio = ours["ratio"] / theirs["ratio"]
    yield Promise("100 kB of JSON as gzip, of Flask-Compress's ratio", ratio, 1, at_least=True)
    longest = max(stall for name, stall in stalls.items() if name.startswith("ours"))
    yield Promise("longest wait for the loop beside 1 MB, ms", longest, 10)


# --- A small JSON response ---


def _small() -> dict[str, float]:
    features = {
        "plain Flask": (),
        "ours: request id": ("id",),
        "ours: CORS": ("cors",),
        "ours: compression": ("compress",),
        "ours: all three": ("id", "cors", "compress"),
    }
    cases = {name: _caller(_ours(*chosen)) for name, chosen in features.items()}
    cases["theirs: Flask-Cors and Flask-Compress"] = _caller(_theirs())
    costs = interleaved(cases, 40, 40 if QUICK else 250)
    plain = costs.pop("plain Flask").cpu
    print(f"A small JSON response of plain Flask: {plain:.0f} µs of CPU. Added:\n")
    added = {name: round(cost.cpu - plain, 1) for name, cost in costs.items()}
    _table(added)
    return {"plain Flask": round(plain, 1), **added}


def _ours(*chosen: str, body: bytes = b"", **compression: Any) -> Flask:
    from flask_rf import Compress
    from flask_rf import CORS
    from flask_rf import RequestID

    app = _app(body)
    if "id" in chosen:
        RequestID(app)
    if "cors" in chosen:
        CORS(app, origins=ORIGIN)
    if "compress" in chosen:
        Compress(app, **compression)
    return app


def _theirs(body: bytes = b"") -> Flask:
    from flask_compress import Compress
    from flask_cors import CORS

    app = _app(body)
    CORS(app, origins=[ORIGIN])
    Compress(app)
    return app


def _app(body: bytes) -> Flask:
    app = Flask("bench")
    small = {"id": 7, "name": "tea", "price": 3}

    def index() -> Any:
        return Response(body, mimetype="application/json") if body else small

    app.add_url_rule("/", "index", index)
    return app


def _caller(app: Flask, accepted: str = "gzip, deflate, br, zstd") -> Call:
    return caller(app, HTTP_ORIGIN=ORIGIN, HTTP_ACCEPT_ENCODING=accepted)


# --- 100 kB of JSON ---


def _large() -> dict[str, dict[str, float]]:
    body = _orders(100_000)
    kept, fresh = {"cache_size": 8 * 1024 * 1024}, {"cache_size": 0}
    cases = {"plain Flask": _caller(_app(body))}
    for coding in ("zstd", "br", "gzip"):
        cases[f"ours: {coding}"] = _caller(_ours("compress", body=body, **fresh), coding)
        cases[f"ours: {coding}, cached"] = _caller(_ours("compress", body=body, **kept), coding)
        cases[f"theirs: {coding}"] = _caller(_theirs(body), coding)
    costs = interleaved(cases, 10 if QUICK else 20, ROUNDS)
    ratios = {name: len(body) / len(call()) for name, call in cases.items()}
    _print_large(costs, ratios)
    return {
        name: {"cpu": round(cost.cpu, 1), "ratio": round(ratios[name], 2)}
        for name, cost in costs.items()
    }


def _print_large(costs: dict[str, Cost], ratios: dict[str, float]) -> None:
    print("\n100 kB of JSON, the whole request:\n")
    print(f"{'':42}{'CPU µs':>8}{'ratio':>8}")
    for name, cost in costs.items():
        print(f"{name:42}{cost.cpu:8.0f}{ratios[name]:8.2f}")


def _orders(size: int) -> bytes:
    """At least ``size`` bytes of the JSON an API lists its records in."""
    chance = random.Random(7)
    words = "amber blue cedar delta ember flint green harbor iris jade kite lemon".split()
    orders: list[dict[str, Any]] = []
    length = 2
    while length < size:
        orders.append(
            {
                "id": f"{chance.getrandbits(64):016x}",
                "customer": f"{chance.choice(words)}.{chance.choice(words)}@example.com",
                "total": round(chance.uniform(1, 900), 2),
                "paid": chance.random() < 0.8,
                "placed": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T09:30:00Z",
                "items": [chance.choice(words) for _ in range(chance.randint(1, 5))],
            }
        )
        length += len(json.dumps(orders[-1])) + 2
    return json.dumps(orders).encode()


# --- The event loop beside a large body ---


def _among_greenlets() -> dict[str, float]:
    """In a process of its own, for gevent's monkey patch."""
    command = [sys.executable, "-m", "benchmarks.http", "--stalls", *sys.argv[1:]]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    stalls: dict[str, float] = json.loads(output)
    print(f"\n1 MB compressed while {GREENLETS} greenlets work; longest wait for the loop, ms:\n")
    _table(stalls)
    return stalls


def _stalls() -> dict[str, float]:
    from gevent import monkey

    monkey.patch_all()
    body = _orders(1_000_000)
    cases = {"nobody compresses": _caller(_app(body))}
    for coding in ("zstd", "br", "gzip"):
        cases[f"ours: {coding}"] = _caller(_ours("compress", body=body, cache_size=0), coding)
        cases[f"theirs: {coding}"] = _caller(_theirs(body), coding)
    cases["ours: zstd, cached"] = _caller(_ours("compress", body=body), "zstd")
    rounds = 3 if QUICK else 9
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, call in cases.items():
            found[name].append(_longest_stall(call))
    # What others do to the machine only ever adds; a codec that holds the loop does so each time.
    return {name: round(min(stalls), 1) for name, stalls in found.items()}


def _longest_stall(call: Call) -> float:
    """Milliseconds the loop was away from greenlets that had something to do."""
    import gevent

    waits = [0.0]

    def work() -> None:
        while True:
            before = time.perf_counter()
            gevent.sleep(0)
            waits.append(time.perf_counter() - before)
            sum(range(100))

    others = [gevent.spawn(work) for _ in range(GREENLETS)]
    gevent.sleep(0.05)
    waits.clear()
    gevent.spawn(call).get()
    gevent.killall(others)
    return max(waits, default=0.0) * 1000


def _table(figures: dict[str, float]) -> None:
    for name, figure in figures.items():
        print(f"{name:42}{figure:8.1f}")


if __name__ == "__main__":
    os.environ.pop("REDIS_URL", None)
    main()
