from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websocket import ABNF
from websocket import create_connection
from websocket import WebSocket

from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers

APP = "tests.apps.events:app"
WHERE = "tests.apps.where:app"
RECONNECT = 4200
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:flask_rf.gunicorn"]


@contextmanager
def gunicorn(folder: Path, *options: str, app: str = APP, **env: str) -> Iterator[Gunicorn]:
    server = Gunicorn(app, folder, *options, **env)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def open_socket() -> Iterator[Callable[[Gunicorn], WebSocket]]:
    """Opens a socket; all are closed when the test ends."""
    with ExitStack() as opened:

        def connect(server: Gunicorn) -> WebSocket:
            url = f"ws://127.0.0.1:{server.port}/app/flask-rf?protocol=7"
            socket: WebSocket = opened.enter_context(closing(create_connection(url, timeout=20)))
            assert json.loads(socket.recv())["event"] == "pusher:connection_established"
            return socket

        yield connect


def last_words(socket: WebSocket) -> tuple[int, int]:
    """The codes of the Pusher error and of the close frame that end a connection."""
    error = json.loads(socket.recv())
    assert error["event"] == "pusher:error"
    frame = socket.recv_frame()
    assert frame.opcode == ABNF.OPCODE_CLOSE
    return json.loads(error["data"])["code"], int.from_bytes(frame.data[:2], "big")


# --- What it sets ---


def setting(name: str, *options: str, **env: str) -> str:
    """A setting as gunicorn understands it."""
    command = [*GUNICORN, *options, "--print-config", APP]
    environment = {key: value for key, value in os.environ.items() if key != "WEB_CONCURRENCY"}
    printed = subprocess.run(
        command, cwd=ROOT, env=environment | env, capture_output=True, text=True, check=True
    )
    lines = dict(line.split("=", 1) for line in printed.stdout.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in lines.items()}[name]


@pytest.mark.parametrize(
    ("options", "env", "workers"),
    [
        ([], {}, 1),
        ([], {"REDIS_URL": "redis://localhost"}, os.cpu_count()),
        ([], {"WEB_CONCURRENCY": "3"}, 3),
        ([], {"WEB_CONCURRENCY": "3", "REDIS_URL": "redis://localhost"}, 3),
        (["--workers", "5"], {"WEB_CONCURRENCY": "3"}, 5),
    ],
)
def test_workers_are_one_without_redis_unless_somebody_says_otherwise(
    options: list[str], env: dict[str, str], workers: int
) -> None:
    assert setting("workers", *options, **env) == str(workers)


def test_the_command_line_overrules_all_else() -> None:
    assert setting("graceful_timeout", "--graceful-timeout", "7") == "7"


def test_to_load_the_settings_loads_nothing_that_gevent_must_patch_first() -> None:
    loaded = "{'flask', 'gevent', 'redis', 'ssl'} & set(sys.modules)"
    program = f"import sys, flask_rf.gunicorn; print({loaded})"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert result.stdout == b"set()\n", result.stderr


def access_lines(server: Gunicorn) -> list[dict[str, object]]:
    lines = server.output().splitlines()
    return [json.loads(line) for line in lines if '"route": "/tea"' in line]


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=str)
def test_each_request_is_logged_with_its_id(tmp_path: Path, preload: list[str]) -> None:
    with gunicorn(tmp_path, *preload, app=WHERE) as server:
        _, headers, _ = server.get("/tea")
        wait_until(lambda: access_lines(server), what="a line of the access log")
    assert [line["request_id"] for line in access_lines(server)] == [headers["X-Request-ID"]]


def test_the_access_log_can_be_silenced(tmp_path: Path) -> None:
    with gunicorn(tmp_path, app=WHERE, RF_ACCESS_LOG="false") as server:
        assert server.get("/tea")[0] == 200
    assert access_lines(server) == []


# --- Proxies ---


@pytest.mark.parametrize(
    ("env", "believed"),
    [
        ({}, "['127.0.0.1', '::1']"),
        ({"TRUSTED_PROXIES": "fd00::/8"}, "['fd00::/8']"),
        ({"TRUSTED_PROXIES": "10.1.2.3/8"}, "['10.0.0.0/8', '::ffff:10.0.0.0/104']"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8", "FORWARDED_ALLOW_IPS": "192.0.2.1"}, "['192.0.2.1']"),
    ],
    ids=str,
)
def test_the_proxies_that_the_app_trusts_are_those_gunicorn_believes(
    env: dict[str, str], believed: str
) -> None:
    assert setting("forwarded_allow_ips", **env) == believed


def test_a_trusted_proxy_says_that_the_client_came_by_https_and_nobody_else(
    tmp_path: Path,
) -> None:
    networks = tmp_path / "networks"
    networks.write_text("192.0.2.0/24,127.0.0.2/31\n")

    def url(address: str, **headers: str) -> str:
        connection = HTTPConnection("127.0.0.1", server.port, 30, source_address=(address, 0))
        with closing(connection):
            connection.request("GET", "/tea", headers={"Host": "shop.example", **headers})
            said = json.loads(connection.getresponse().read())
        assert said["secure"] == said["url"].startswith("https:")
        return str(said["url"])

    with gunicorn(tmp_path, app=WHERE, TRUSTED_PROXIES_FILE=str(networks)) as server:
        https = {"X-Forwarded-Proto": "https"}
        assert url("127.0.0.2", **https) == "https://shop.example/tea"
        assert url("127.0.0.2") == "http://shop.example/tea"
        assert url("127.0.0.1", **https) == "http://shop.example/tea"


def test_no_header_moves_the_app_to_another_path(tmp_path: Path) -> None:
    with gunicorn(tmp_path, app=WHERE, TRUSTED_PROXIES="127.0.0.1") as server:
        for header in ("SCRIPT_NAME", "PATH_INFO"):
            status, _, body = server.get("/tea/time", **{header: "/tea"})
            assert (status, json.loads(body)["path"]) == (200, "time")


# --- A mistake stops the boot ---


def boot(folder: Path, *options: str, **env: str) -> tuple[int, str]:
    """The status and the words of a gunicorn that does not start."""
    command = [*GUNICORN, "--bind", f"127.0.0.1:{free_port()}", *options, APP]
    process = Process(command, folder / "gunicorn.log", env)
    try:
        wait_until(lambda: not process.alive, 60, "gunicorn's end")
        return process.stop(), process.output()
    finally:
        process.kill()


def test_several_workers_without_redis_are_refused_in_one_sentence(tmp_path: Path) -> None:
    status, log = boot(tmp_path, "--workers", "2")
    sentence = "2 workers would each reach only their own sockets; set REDIS_URL, or run one worker"
    assert status == 4
    assert log.count(sentence) == 1
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("key", "written", "sentence"),
    [
        (
            "BROADCAST_MAX_EVENT",
            "much",
            "BROADCAST_MAX_EVENT='much' (from the environment): write a whole",
        ),
        ("TRUSTED_PROXIES", "nginx", "'nginx' is no IP network; write one like 10.0.0.0/8"),
        ("TRUSTED_PROXIES_FILE", "/no/such", "name a file this process can read"),
    ],
)
def test_a_setting_that_no_worker_accepts_is_refused_in_one_sentence(
    tmp_path: Path, redis_server: RedisProcess, key: str, written: str, sentence: str
) -> None:
    env = {"REDIS_URL": redis_server.url, key: written}
    status, log = boot(tmp_path, "--workers", "4", **env)
    assert status == 4
    assert log.count(sentence) == 1
    assert "Traceback" not in log


HEARD = """
from flask_rf.gunicorn import *
from flask_rf import gunicorn


def post_worker_init(worker):
    gunicorn.post_worker_init(worker)
    print("a worker serves", flush=True)
"""


def wait_for_workers(server: Gunicorn) -> None:
    """Wait until two serve; one that is told to stop as it is forked may not hear of it."""
    wait_until(lambda: server.output().count("a worker serves") == 2, 60, "two workers")


@pytest.fixture
def heard(tmp_path: Path) -> tuple[str, ...]:
    """The options of two workers that say when they serve."""
    config = tmp_path / "heard.py"
    config.write_text(HEARD)
    return ("-c", str(config), "--workers", "2")


def test_several_workers_with_redis_serve(
    tmp_path: Path, heard: tuple[str, ...], redis_server: RedisProcess
) -> None:
    with gunicorn(tmp_path, *heard, REDIS_URL=redis_server.url) as server:
        assert server.get("/")[0] == 200
        wait_for_workers(server)
    assert "ERROR" not in server.output()


# --- Goodbye ---


@pytest.mark.parametrize("worker", [["gevent"], ["gthread", "--threads", "9"]], ids=lambda w: w[0])
def test_on_sigterm_every_socket_is_told_to_come_back_and_the_process_ends(
    tmp_path: Path, open_socket: Callable[[Gunicorn], WebSocket], worker: list[str]
) -> None:
    with gunicorn(tmp_path, "--graceful-timeout", "120", "--worker-class", *worker) as server:
        sockets = [open_socket(server) for _ in range(5)]
        status = server.process.stop(timeout=60)
        assert [last_words(socket) for socket in sockets] == [(RECONNECT, RECONNECT)] * 5
    assert status == 0
    assert "graceful timeout" not in server.output().lower()


def test_a_worker_replaced_after_max_requests_says_goodbye_as_well(
    tmp_path: Path, open_socket: Callable[[Gunicorn], WebSocket]
) -> None:
    with gunicorn(tmp_path, "--graceful-timeout", "120", "--max-requests", "3") as server:
        socket = open_socket(server)
        for _ in range(2):
            assert server.get("/")[0] == 200

        assert last_words(socket) == (RECONNECT, RECONNECT)

        wait_until(lambda: server.output().count("Booting worker") == 2, 60, "the next worker")
        assert server.get("/")[0] == 200


WATCHED = """
from flask_rf.gunicorn import *
from flask_rf import gunicorn


def worker_exit(server, worker):
    gunicorn.worker_exit(server, worker)
    print("waited in vain" if worker.rf_drain.is_alive() else "waited for the goodbyes")
"""


@pytest.mark.parametrize("worker", [["gevent"], ["gthread", "--threads", "9"]], ids=lambda w: w[0])
def test_a_worker_ends_as_soon_as_its_goodbyes_are_said(tmp_path: Path, worker: list[str]) -> None:
    config = tmp_path / "watched.py"
    config.write_text(WATCHED)
    with gunicorn(tmp_path, "-c", str(config), "--worker-class", *worker) as server:
        assert server.get("/")[0] == 200
        assert server.stop() == 0
        assert "waited for the goodbyes" in server.output()


SLOW_TO_START = """
from flask_rf.gunicorn import *
from flask_rf import gunicorn


def post_fork(server, worker):
    gunicorn.post_fork(server, worker)
    print("starting", flush=True)
    time.sleep(600)
"""


def test_a_worker_that_is_told_to_stop_while_it_starts_does(tmp_path: Path) -> None:
    config = tmp_path / "slow.py"
    config.write_text(SLOW_TO_START)
    with gunicorn(tmp_path, "-c", str(config), "--graceful-timeout", "600") as server:
        wait_until(lambda: "starting" in server.output())
        assert server.process.stop(timeout=60) == 0


def test_an_app_without_broadcasting_is_served_alike(
    tmp_path: Path, heard: tuple[str, ...]
) -> None:
    app = tmp_path / "plain_app.py"
    app.write_text("from flask import Flask\n\napp = Flask(__name__)\napp.get('/')(lambda: 'ok')\n")
    options = (*heard, "--chdir", str(tmp_path))
    server = Gunicorn("plain_app:app", tmp_path, *options, PYTHONPATH=str(ROOT))
    try:
        assert server.get("/")[2] == b"ok"
        wait_for_workers(server)
    finally:
        assert server.stop() == 0
