"""What everything together adds to a request, beside the stack people build today.

That is Flask-Limiter, Flask-Cors, Flask-Compress, prometheus-flask-exporter and a request id
made by hand. ``--quick`` takes a few seconds and trusts its figures less.
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Flask
from flask import g
from flask import request
from flask import Response

from benchmarks._measure import caller
from benchmarks._measure import interleaved
from benchmarks._measure import save
from benchmarks.peers.report import Promise
from tests.parts.redis import RedisProcess

QUICK = "--quick" in sys.argv
ORIGIN = "https://app.example.com"
PLAIN = "plain Flask"
ONE = "50000000/minute"
THREE = "50000000/minute; 50000000/hour; 50000000/day"
PEERS = ("flask-limiter", "flask-cors", "flask-compress", "prometheus-flask-exporter")
#: What each may add, and how many times less than the stack of others.
PROMISES = {"memory, 1 limit": (60, 6), "Redis, 3 limits": (220, 6)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisProcess(Path(folder))
        try:
            costs = _requests(server.url)
        finally:
            server.stop()
    plain = costs.pop(PLAIN)
    added = {name: round(cost - plain, 1) for name, cost in costs.items()}
    print(f"A small JSON response of plain Flask: {plain:.0f} µs of CPU. Added:\n")
    for name, figure in added.items():
        print(f"{name:42}{figure:8.1f}")
    promises = [str(promise) for promise in _promises(added)]
    print("", *promises, sep="\n")
    results = {
        "quick": QUICK,
        "load at the start": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("flask", *PEERS)},
        "plain Flask, µs of CPU": round(plain, 1),
        "added to a request, µs of CPU": added,
    }
    save("stack", {**results, "promises": promises})


def _promises(added: dict[str, float]) -> Iterator[Promise]:
    for what, (most, times) in PROMISES.items():
        ours, theirs = added[f"ours: {what}"], added[f"theirs: {what}"]
        yield Promise(f"everything, {what}, µs", ours, most)
        yield Promise(f"everything, {what}, times less than theirs", theirs / ours, times, True)


def _requests(url: str) -> dict[str, float]:
    apps = {
        PLAIN: _app(),
        "ours: memory, 1 limit": _ours(ONE),
        "theirs: memory, 1 limit": _theirs(ONE, "memory://"),
        "ours: Redis, 3 limits": _ours(THREE, REDIS_URL=url, RATE_LIMIT_TIMEOUT=1),
        "theirs: Redis, 3 limits": _theirs(THREE, url),
    }
    cases = {name: _caller(app) for name, app in apps.items()}
    costs = interleaved(cases, 50, 10 if QUICK else 100)
    return {name: cost.cpu for name, cost in costs.items()}


def _caller(app: Flask) -> Any:
    return caller(app, HTTP_ORIGIN=ORIGIN, HTTP_ACCEPT_ENCODING="gzip, deflate, br, zstd")


def _app() -> Flask:
    app = Flask("bench")
    app.config["SECRET_KEY"] = "stack"  # as apps have one; Flask spends 18 µs on it
    app.add_url_rule("/", "index", lambda: {"id": 7, "name": "tea", "price": 3})
    return app


def _ours(limits: str, **config: Any) -> Flask:
    from flask_rf import RF

    app = _app()
    app.config.update(config, CORS_ORIGINS=ORIGIN, RATE_LIMIT_DEFAULT=limits)
    RF(app)
    return app


def _theirs(limits: str, storage: str) -> Flask:
    from flask_compress import Compress
    from flask_cors import CORS
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address
    from prometheus_flask_exporter import PrometheusMetrics

    app = _app()
    Limiter(
        get_remote_address,
        app=app,
        storage_uri=storage,
        default_limits=[limits],
        headers_enabled=True,
    )
    CORS(app, origins=[ORIGIN])
    Compress(app)
    PrometheusMetrics(app)

    @app.before_request
    def begin() -> None:
        g.request_id = request.headers.get("X-Request-ID") or str(uuid.uuid4())

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        return response

    return app


if __name__ == "__main__":
    main()
