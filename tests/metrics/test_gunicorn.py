"""Metrics over several workers of a real gunicorn: their deaths, and their port."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websocket import create_connection

from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers

APP = "tests.apps.measured:app"
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:flask_rf.gunicorn"]
DURATION = "http_server_request_duration_seconds"

Totals = dict[tuple[str, ...], float]


@pytest.fixture
def start(tmp_path: Path, redis_server: RedisProcess) -> Iterator[Callable[..., Gunicorn]]:
    """Starts servers of the measured app; all end with the test."""
    started: list[Gunicorn] = []

    def start(*options: str, **env: str) -> Gunicorn:
        env = {
            "REDIS_URL": redis_server.url,
            "REDIS_TIMEOUT": "10",  # a busy machine's Redis is not to be blamed
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "m"),
            **env,
        }
        started.append(Gunicorn(APP, tmp_path, *options, **env))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def post(server: Gunicorn, path: str) -> str:
    request = urllib.request.Request(server.url + path, b"")
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(response.read().decode())


def totals(url: str) -> Totals:
    """Every series but those that say what is now."""
    with urllib.request.urlopen(url, timeout=30) as response:
        text = response.read().decode()
    return {
        (sample.name, *sorted(f"{k}={v}" for k, v in sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def orders(server: Gunicorn) -> float:
    return totals(f"{server.url}/metrics")["orders_total", "country=it"]


def files(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "m").glob("*.db"))


def workers_of(server: Gunicorn) -> set[int]:
    found = set()
    for pid in server.workers():
        with suppress(OSError):  # it may have ended since
            if b"exporter" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def wait_for_workers(server: Gunicorn, tmp_path: Path, number: int) -> set[int]:
    """Wait until that many serve; gunicorn listens long before they do."""

    def serving() -> set[int]:
        awake = {name for name in files(tmp_path) if name.startswith("gauge_livemax_")}
        return {pid for pid in workers_of(server) if f"gauge_livemax_{pid}.db" in awake}

    wait_until(lambda: len(serving()) == number, 60, f"{number} workers")
    return serving()


def post_all(server: Gunicorn, paths: list[str]) -> set[str]:
    """The ids of the workers that have answered."""
    with ThreadPoolExecutor(12) as clients:
        return set(clients.map(lambda path: post(server, path), paths))


def test_whichever_worker_is_asked_it_tells_of_all(
    start: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    server = start("--workers", "3")
    wait_for_workers(server, tmp_path, 3)
    pids: set[str] = set()
    asked = 0
    while len(pids) < 2:
        pids |= post_all(server, ["/orders/it/5"] * 100)
        asked += 100
    assert {orders(server) for _ in range(10)} == {asked}
    found = totals(f"{server.url}/metrics")
    route = "http_route=/orders/<country>/<int:euros>"
    labels = ("http_request_method=POST", "http_response_status_code=200", route)
    assert found[(f"{DURATION}_count", *labels)] == asked
    assert found["stock_items",] == len(pids)


def test_twenty_restarts_leave_no_more_files_and_equal_totals(
    start: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    server = start("--workers", "4")
    wait_for_workers(server, tmp_path, 4)
    for round in range(5):
        post_all(server, [f"/orders/it/{round}"] * 20)
        hard = signal.SIGKILL if round % 2 else signal.SIGTERM
        former = workers_of(server)
        for pid in former:
            os.kill(pid, hard)
        wait_until(lambda former=former: not former & workers_of(server), 60, "their end")
        wait_for_workers(server, tmp_path, 4)
        assert orders(server) == (round + 1) * 20
    found = totals(f"{server.url}/metrics")
    assert found["highest_order_euros",] == 4
    assert found["stock_items",] == 0
    archives = [name for name in files(tmp_path) if name.endswith("_archive.db")]
    assert archives == ["counter_archive.db", "gauge_max_archive.db", "histogram_archive.db"]
    kinds = {name.rpartition("_")[0] for name in files(tmp_path)}
    assert len(files(tmp_path)) <= len(kinds) * 4 + len(archives)


def test_a_folder_that_somebody_removes_costs_the_numbers_and_no_server(
    start: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    server = start("--workers", "1")
    (former,) = wait_for_workers(server, tmp_path, 1)
    wait_until(lambda: shutil.rmtree(tmp_path / "m") is None)  # it may be making one more file
    os.kill(former, signal.SIGTERM)
    wait_until(lambda: former not in workers_of(server), 60, "its end")
    wait_for_workers(server, tmp_path, 1)
    post(server, "/orders/it/5")
    assert orders(server) == 1


def test_sockets_and_events_are_counted_over_workers(start: Callable[..., Gunicorn]) -> None:
    server = start("--workers", "2")
    url = f"ws://127.0.0.1:{server.port}/app/flask-rf?protocol=7"
    sockets = [create_connection(url, timeout=30) for _ in range(4)]
    for opened in sockets:
        opened.recv()
        subscribe = {"event": "pusher:subscribe", "data": {"channel": "chat"}}
        opened.send(json.dumps(subscribe))
        assert "subscription_succeeded" in opened.recv()
    for _ in range(3):
        post(server, "/send/chat")
    for opened in sockets:
        assert [json.loads(opened.recv())["event"] for _ in range(3)] == ["message"] * 3

    def series(name: str, *labels: str) -> float:
        return totals(f"{server.url}/metrics")[(name, *labels)]

    wait_until(lambda: series("flask_rf_ws_messages_total", "direction=out") == 12)
    assert series("flask_rf_ws_messages_total", "direction=in") == 4
    assert series("flask_rf_ws_connections") == 4
    assert series("flask_rf_broadcast_published_total") == 3
    assert series("flask_rf_broadcast_delivery_seconds_count") >= 3
    assert series("flask_rf_redis_up") == 1
    assert series("flask_rf_redis_command_seconds_count") > 0
    requests = [key for key in totals(f"{server.url}/metrics") if "http_route=/app/<key>" in key]
    assert not requests
    sockets[0].close()
    wait_until(lambda: series("flask_rf_ws_connections") == 3)
    os.kill(min(workers_of(server)), signal.SIGKILL)
    wait_until(lambda: series("flask_rf_ws_connections") < 4)
    for opened in sockets:
        opened.close()
    wait_until(lambda: series("flask_rf_ws_connections") == 0)


def test_a_port_of_its_own_tells_of_all_workers(start: Callable[..., Gunicorn]) -> None:
    port = free_port()
    server = start("--workers", "2", METRICS_BIND=str(port), METRICS_TOKEN="s3cret")
    for _ in range(20):
        post(server, "/orders/it/5")
    wait_until(lambda: accepts(port))
    url = f"http://127.0.0.1:{port}"
    assert totals(f"{url}/metrics")["orders_total", "country=it"] == 20
    for path, headers in (("/", {}), ("/metrics", {"X-Forwarded-For": "127.0.0.1"})):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=30)
    server.stop()
    wait_until(lambda: not accepts(port))


def test_the_exporter_ends_with_a_killed_gunicorn(start: Callable[..., Gunicorn]) -> None:
    port = free_port()
    server = start(METRICS_BIND=str(port))
    wait_until(lambda: accepts(port))
    server.process.kill()
    wait_until(lambda: not accepts(port))


def test_an_exporter_whose_gunicorn_is_gone_before_it_looks_ends(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    command = [sys.executable, "-m", "flask_rf.metrics.exporter", str(gone.pid)]
    env = {"METRICS_BIND": str(free_port()), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    exporter = Process(command, tmp_path / "exporter.log", env)
    try:
        wait_until(lambda: not exporter.alive)
    finally:
        exporter.kill()


def test_an_exporter_that_died_is_started_again(
    start: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    port = free_port()
    server = start("--workers", "1", METRICS_BIND=str(port))
    wait_until(lambda: accepts(port))
    (worker,) = wait_for_workers(server, tmp_path, 1)
    [exporter] = set(server.workers()) - workers_of(server)
    os.kill(exporter, signal.SIGKILL)
    wait_until(lambda: not accepts(port))
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: accepts(port))


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def boot(tmp_path: Path, **env: str) -> str:
    """What a gunicorn says that does not start."""
    command = [*GUNICORN, "--bind", f"127.0.0.1:{free_port()}", APP]
    process = Process(command, tmp_path / "gunicorn.log", env)
    try:
        wait_until(lambda: not process.alive, 60)
        return process.output()
    finally:
        process.kill()


def test_a_port_that_is_taken_stops_the_boot(tmp_path: Path) -> None:
    with listening() as port:
        said = boot(tmp_path, METRICS_BIND=str(port))
    assert f"METRICS_BIND='{port}' (from the environment): nobody can listen there" in said
    assert "Traceback" not in said


def test_a_port_that_is_none_stops_the_boot(tmp_path: Path) -> None:
    said = boot(tmp_path, METRICS_BIND="http")
    assert "METRICS_BIND='http' (from the environment): write a port, or an address" in said
    assert "Traceback" not in said


def test_a_folder_that_cannot_be_used_stops_the_boot(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    said = boot(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(taken))
    assert f"PROMETHEUS_MULTIPROC_DIR='{taken}' (from the environment): it cannot be used" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_the_users_folder_is_made(
    start: Callable[..., Gunicorn], tmp_path: Path, preload: tuple[str, ...]
) -> None:
    server = start(*preload, PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "new" / "folder"))
    post(server, "/orders/it/5")
    assert orders(server) == 1


def own_folder(server: Gunicorn) -> Path:
    """The one that it owns by an open file."""
    opened = (Path(file.path) for file in psutil.Process(server.process.pid).open_files())
    [folder] = [path.parent for path in opened if path.name == ".owner"]
    return folder


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_a_folder_of_its_own_lasts_as_long_as_gunicorn(
    start: Callable[..., Gunicorn], preload: tuple[str, ...]
) -> None:
    server = start("--workers", "2", *preload, PROMETHEUS_MULTIPROC_DIR="")
    for _ in range(10):
        post(server, "/orders/it/5")
    assert orders(server) == 10
    folder = own_folder(server)
    assert list(folder.glob("counter_*.db"))
    server.stop()
    assert not folder.exists()


def test_settings_of_ones_own_can_take_over_the_hooks(
    start: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    config = tmp_path / "settings.py"
    config.write_text("from flask_rf.gunicorn import *\nworkers = 2\n")
    server = start("-c", str(config))
    former = max(wait_for_workers(server, tmp_path, 2))
    post_all(server, ["/orders/it/5"] * 10)
    os.kill(former, signal.SIGKILL)
    wait_until(lambda: former not in workers_of(server), 60)
    wait_for_workers(server, tmp_path, 2)
    assert orders(server) == 10


def test_what_a_former_run_left_in_the_users_folder_is_wiped(
    start: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    server = start()
    post(server, "/orders/it/5")
    server.process.kill()
    assert files(tmp_path)
    again = start()
    post(again, "/orders/it/5")
    assert orders(again) == 1


def test_gunicorn_replaced_by_another_goes_on_counting(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    port, metrics_port, pidfile = free_port(), free_port(), tmp_path / "pid"
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    # The script, which can be run again as it was.
    command = [str(Path(sys.executable).with_name("gunicorn")), *GUNICORN[3:], "--workers", "1"]
    command += ["--bind", f"127.0.0.1:{port}", "--pid", str(pidfile), APP]
    env = {
        "REDIS_URL": redis_server.url,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "m"),
        "METRICS_BIND": str(metrics_port),
    }
    old = Process(command, tmp_path / "gunicorn.log", env)
    try:
        wait_until(lambda: accepts(port) and accepts(metrics_port), 60)
        old.signal(signal.SIGUSR2)
        new = Path(f"{pidfile}.2")
        wait_until(lambda: new.exists() and new.read_text().strip(), 60, "the new master")
        successor = int(new.read_text())
        wait_until(lambda: old.output().count("Booting worker") == 2, 60, "its worker")
        assert old.stop() == 0
        # Its worker says that it boots, and loads the app only then.
        wait_until(lambda: ("flask_rf_ws_connections",) in totals(url), 60, "the new exporter")
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: not accepts(metrics_port), 60, "its end")
    finally:
        old.kill()  # with what it has started


def test_the_command_prints_what_the_workers_count(
    start: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    server = start()
    post(server, "/orders/it/5")
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "m")}
    command = [sys.executable, "-m", "flask", "--app", APP, "rf", "metrics"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert 'orders_total{country="it"} 1.0' in done.stdout, done.stderr
