"""What metrics cost a request, beside prometheus-flask-exporter, and what a scrape costs others.

``--quick`` takes a few seconds and trusts its figures less.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from statistics import median
from statistics import quantiles
from typing import Any

from flask import Flask

from benchmarks._measure import caller
from benchmarks._measure import Cost
from benchmarks._measure import interleaved
from benchmarks._measure import save
from benchmarks.peers.report import Promise
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import wait_until

QUICK = "--quick" in sys.argv
WORKERS, SERIES = 8, 4000
PAUSE = 0.005  # seconds between two requests of the client that waits
PLAIN = "plain Flask"
Added = dict[str, float]


def main() -> None:
    if "--requests" in sys.argv:
        print(json.dumps(_in_a_greenlet()))
        return
    if "--series" in sys.argv:
        _write_series()
        return
    if "--scrapes" in sys.argv:
        _scrape_on(sys.argv[-1])
        return
    requests = {mode: _requests(mode) for mode in ("one process", "files of several")}
    scrapes = _scrapes()
    promises = [str(promise) for promise in _promises(requests, scrapes)]
    print("", *promises, sep="\n")
    results = {
        "quick": QUICK,
        "load at the start": round(os.getloadavg()[0], 1),
        "versions": {
            name: version(name)
            for name in ("flask", "prometheus-client", "prometheus-flask-exporter", "gevent")
        },
        "added to a request, µs of CPU": requests,
        f"requests beside scrapes of {WORKERS} × {SERIES} series, ms": scrapes,
    }
    save("metrics", {**results, "promises": promises})


def _promises(requests: dict[str, Added], scrapes: dict[str, Any]) -> Iterator[Promise]:
    for mode, added in requests.items():
        yield Promise(f"metrics add to a request, {mode}, µs", added["ours"], 12)
    quiet, beside = scrapes["nobody scrapes"], scrapes["on a port of its own"]
    yield Promise("a scrape beside the workers delays p99 by, ms", beside["p99"] - quiet["p99"], 10)


# --- A request ---


def _requests(mode: str) -> Added:
    """In a process of its own, for prometheus-client's mode and gevent's monkey patch."""
    command = [sys.executable, "-m", "benchmarks.metrics", "--requests", *sys.argv[1:]]
    folder = tempfile.mkdtemp(dir="/dev/shm")
    env = {**os.environ, **({"PROMETHEUS_MULTIPROC_DIR": folder} if "files" in mode else {})}
    try:
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    finally:
        shutil.rmtree(folder)
    costs = json.loads(done.stdout)
    plain = costs.pop(PLAIN)
    added = {name: round(cost - plain, 1) for name, cost in costs.items()}
    print(f"\nA small response, values in {mode}: {plain:.0f} µs of CPU without. Added, µs:\n")
    for name, figure in added.items():
        print(f"{name:42}{figure:8.1f}")
    return added


def _in_a_greenlet() -> dict[str, float]:
    from gevent import monkey

    monkey.patch_all()
    import gevent

    return gevent.spawn(_request_costs).get()  # type: ignore[no-any-return]


def _request_costs() -> dict[str, float]:
    """Of apps with everything else that RF sets up, too, where a request runs through it anyway."""
    from flask_rf import Broadcast
    from flask_rf import Dashboard
    from flask_rf import Limiter
    from flask_rf import Metrics
    from flask_rf import RF

    def limited(with_metrics: bool) -> Flask:
        app = Flask("limited")
        limiter = Limiter(app)
        if with_metrics:
            Metrics(app)
        app.add_url_rule("/", "index", limiter.limit("50000000/minute")(lambda: {"id": 7}))
        return app

    def watched() -> Flask:
        app = _app()
        Broadcast(app)
        Dashboard(app, allow="10.0.0.0/8")
        return app

    ours = _app()
    Metrics(ours)
    cases = {
        PLAIN: caller(_app()),
        "ours": caller(ours),
        "prometheus-flask-exporter": caller(_exported()),
        "RF without metrics": caller(_with(RF, metrics=None)),
        "RF": caller(_with(RF)),
        "the dashboard, unwatched": caller(watched()),
        "a limit": caller(limited(False)),
        "a limit, and ours": caller(limited(True)),
    }
    costs: dict[str, Cost] = interleaved(cases, 50, 20 if QUICK else 200)
    return {name: cost.cpu for name, cost in costs.items()}


def _app() -> Flask:
    app = Flask("bench")
    app.add_url_rule("/", "index", lambda: {"id": 7})
    return app


def _with(feature: Any, **options: Any) -> Flask:
    app = _app()
    app.config["SECRET_KEY"] = "a secret of the benchmark"
    feature(app, **options)
    return app


def _exported() -> Flask:
    app = _app()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

        GunicornInternalPrometheusMetrics(app)
    else:
        from prometheus_flask_exporter import PrometheusMetrics

        PrometheusMetrics(app)
    return app


# --- A scrape ---


def _scrapes() -> dict[str, dict[str, float]]:
    """How long requests of one client take while Prometheus scrapes without a pause."""
    seconds = 3 if QUICK else 15
    port = free_port()
    with tempfile.TemporaryDirectory() as name, _folder() as metrics:
        env = {"PROMETHEUS_MULTIPROC_DIR": str(metrics), "METRICS_BIND": str(port)}
        server = Gunicorn("benchmarks.peers.measured:app", Path(name), **env)
        try:
            wait_until(lambda: accepts(port))
            for _ in range(WORKERS):
                command = [sys.executable, "-m", "benchmarks.metrics", "--series"]
                subprocess.run(command, env={**os.environ, **env}, check=True)
            own, shared = f"http://127.0.0.1:{port}/metrics", f"{server.url}/metrics"
            took = _timed(own)
            waits = {
                "nobody scrapes": _waits(server.port, None, seconds),
                "on a port of its own": _waits(server.port, own, seconds),
                "on the app": _waits(server.port, shared, seconds),
            }
        finally:
            server.stop()
    print(
        f"\nA scrape of {WORKERS} × {SERIES} series takes {took:.2f} s. Requests beside it, ms:\n"
    )
    print(f"{'':42}{'p50':>8}{'p99':>8}{'most':>8}")
    for name, figures in waits.items():
        print(f"{name:42}" + "".join(f"{figure:8.1f}" for figure in figures.values()))
    return waits


@contextmanager
def _folder() -> Iterator[Path]:
    folder = tempfile.mkdtemp(dir="/dev/shm")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder)


def _write_series() -> None:
    """Leave the files that a worker with that many series leaves."""
    from prometheus_client import Counter

    counter = Counter("visits_total", "Visits.", ["page"])
    for number in range(SERIES):
        counter.labels(f"/pages/{number}").inc()


def _timed(url: str) -> float:
    started = time.perf_counter()
    urllib.request.urlopen(url, timeout=60).read()
    return time.perf_counter() - started


def _waits(port: int, scraped: str | None, seconds: float) -> dict[str, float]:
    with _scraping(scraped), closing(HTTPConnection("127.0.0.1", port)) as connection:
        waits, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(PAUSE)
            started = time.perf_counter()
            connection.request("GET", "/")
            connection.getresponse().read()
            waits.append((time.perf_counter() - started) * 1000)
    figures = {"p50": median(waits), "p99": quantiles(waits, n=100)[98], "most": max(waits)}
    return {name: round(figure, 2) for name, figure in figures.items()}


@contextmanager
def _scraping(url: str | None) -> Iterator[None]:
    if url is None:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.metrics", "--scrapes", url]
    with subprocess.Popen(command) as scraper:
        try:
            yield
        finally:
            scraper.kill()


def _scrape_on(url: str) -> None:
    while True:
        urllib.request.urlopen(url, timeout=60).read()
        time.sleep(0.05)


if __name__ == "__main__":
    for name in ("REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"):
        if "--requests" not in sys.argv and "--series" not in sys.argv:
            os.environ.pop(name, None)
    main()
