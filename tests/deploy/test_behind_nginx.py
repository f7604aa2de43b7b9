"""The whole of examples/deploy on this machine: nginx, two replicas of the chat, Redis."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request
from urllib.request import urlopen

import pytest

from tests.broadcast.client import Socket
from tests.broadcast.client import Stream
from tests.deploy.conftest import Configured
from tests.deploy.conftest import ConfiguredRedis
from tests.deploy.conftest import DEPLOY
from tests.parts.gunicorn import Gunicorn
from tests.parts.nginx import Nginx
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until

pytestmark = [pytest.mark.deployment, pytest.mark.servers]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROOM, LOBBY = "/rooms/lobby", "presence-room.lobby"
WAVE = f"{ROOM}/wave"


class Deployment:
    """nginx in front of two replicas that share a Redis."""

    def __init__(self, redis: ConfiguredRedis, folder: Path) -> None:
        self._folder = folder
        (folder / "redis_url").write_text(redis.url_of("chat"))
        self.settings = {
            "RF_PREFIX": "chat",
            "REDIS_URL_FILE": str(folder / "redis_url"),
            "SECRET_KEY_FILE": str(redis.secrets / "secret_key"),
            "TRUSTED_PROXIES": "127.0.0.1",
            "WEB_CONCURRENCY": "1",
            "RATE_LIMIT_TIMEOUT": "5",  # a busy machine's Redis is not to be blamed
            "REDIS_TIMEOUT": "5",
        }
        with ExitStack() as started:
            self.replicas: list[Gunicorn] = []
            started.callback(self._kill_replicas)
            for _ in range(2):
                self.replicas.append(self._replica())
            self.nginx = Nginx([replica.port for replica in self.replicas], folder)
            started.callback(self.nginx.stop)
            self._started = started.pop_all()

    def _replica(self, port: int | None = None) -> Gunicorn:
        return Gunicorn("examples.chat.app:app", self._folder, port=port, **self.settings)

    def _kill_replicas(self) -> None:
        for replica in self.replicas:
            replica.process.kill()

    def stop_replica(self, number: int) -> int:
        """Stop a replica as orchestrators do."""
        return self.replicas[number].stop()

    def restart(self, number: int) -> int:
        """The same, and have another serve in its place."""
        status, port = self.stop_replica(number), self.replicas[number].port
        served = self.served_by(port)
        self.replicas[number] = self._replica(port)
        wait_until(lambda: self.served_by(port) > served + 5, 60, f"requests for {port}")
        return status

    def served_by(self, port: int) -> int:
        """How many requests a replica has answered well, as nginx saw it."""
        lines = self.nginx.output().splitlines()
        return sum(f'"127.0.0.1:{port}"' in line and '"status":"502"' not in line for line in lines)

    def request(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=60)
        with closing(connection):
            connection.request(method, path, body, FORM | headers)
            response = connection.getresponse()
            response.read()
            return response.status, response.headers.get("Set-Cookie", "").partition(";")[0]

    def sign_in(self, name: str) -> str:
        """A visitor's cookie."""
        status, cookie = self.request("POST", "/", urlencode({"name": name}))
        assert status == 302
        return cookie

    def post(self, path: str, body: str, cookie: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=60)
        with closing(connection):
            connection.request("POST", path, body, FORM | {"Cookie": cookie})
            response = connection.getresponse()
            assert response.status == 200
            return response.read()

    def stop(self) -> None:
        self._started.close()


class Guest:
    """Somebody with a page of the lobby open."""

    def __init__(self, deployment: Deployment, name: str) -> None:
        self._deployment = deployment
        self._cookie = deployment.sign_in(name)
        self.come_in()

    def come_in(self) -> None:
        self._socket = Socket(self._deployment.nginx.port, origin=self._deployment.nginx.url)
        asked = {"socket_id": self._socket.id, "channel_name": LOBBY}
        answer = self._deployment.post("/broadcasting/auth", urlencode(asked), self._cookie)
        self._socket.send("pusher:subscribe", {"channel": LOBBY, **json.loads(answer)})
        self._socket.until("pusher_internal:subscription_succeeded")

    def say(self, text: str) -> None:
        headers = {"Cookie": self._cookie, "X-Socket-ID": self._socket.id}
        body = urlencode({"text": text})
        assert self._deployment.request("POST", f"{ROOM}/messages", body, **headers)[0] == 201

    def hear(self) -> str:
        text: str = self._socket.until("message")["data"]["text"]
        return text

    def is_told_to_come_back(self) -> bool:
        """Whether the server has said goodbye; a ping finds out, since all else has its answer."""
        self._socket.send("pusher:ping")
        while True:
            event = self._socket.receive()
            if event["event"] in ("pusher:pong", "pusher:error"):
                return bool(event["event"] == "pusher:error" and event["data"]["code"] == 4200)


@pytest.fixture
def guests(deployed: Deployment) -> Iterator[Callable[[str], Guest]]:
    yield partial(Guest, deployed)
    for opened in (Socket.opened, Stream.opened):
        while opened:
            opened.pop().cut()


@pytest.fixture
def deployed(configured: Configured, tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(configured("single"), tmp_path)
    yield deployment
    deployment.stop()


class Visitor(threading.Thread):
    """Asks the same again and again until told to leave."""

    def __init__(
        self, deployment: Deployment, method: str, wanted: int, body: str = "", pause: float = 0.0
    ) -> None:
        super().__init__(daemon=True)
        self.fine = 0
        self.failed: list[object] = []
        self._ask = partial(deployment.request, method, "/", body)
        self._wanted = wanted
        self._pause = pause
        self._leaving = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._leaving.wait(self._pause):
            try:
                answer: object = self._ask()[0]
            except (OSError, http.client.HTTPException) as error:
                answer = error
            if answer == self._wanted:
                self.fine += 1
            else:
                self.failed.append(answer)

    def leave(self) -> list[object]:
        """The answers that were not as they should be."""
        self._leaving.set()
        self.join(60)
        return self.failed


@pytest.fixture
def visitors(deployed: Deployment) -> Iterator[list[Visitor]]:
    """Who reads, and one who writes; all leave before the replicas are gone."""
    visitors = [Visitor(deployed, "GET", 200) for _ in range(3)]
    visitors.append(Visitor(deployed, "POST", 302, urlencode({"name": "Ann"}), pause=0.02))
    yield visitors
    for visitor in visitors:
        visitor.leave()


def test_replicas_are_restarted_under_load_without_a_failed_request(
    deployed: Deployment, visitors: list[Visitor]
) -> None:
    wait_until(lambda: all(visitor.fine > 20 for visitor in visitors), what="visitors")

    statuses = [deployed.restart(0), deployed.restart(1)]

    assert statuses == [0, 0]
    assert [failure for visitor in visitors for failure in visitor.leave()] == []


def test_websockets_go_through_and_come_back_when_their_replica_is_restarted(
    deployed: Deployment, guests: Callable[[str], Guest]
) -> None:
    everybody = [guests(f"guest {n}") for n in range(6)]
    everybody[0].say("Hello")
    assert [guest.hear() for guest in everybody[1:]] == ["Hello"] * 5

    deployed.stop_replica(0)

    moved = [guest for guest in everybody if guest.is_told_to_come_back()]
    assert 0 < len(moved) < 6
    for guest in moved:
        guest.come_in()
    speaker = guests("the last one")
    speaker.say("Still here?")
    assert [guest.hear() for guest in everybody] == ["Still here?"] * 6


def test_event_streams_go_through_at_once_and_either_side_hears_the_others_end(
    deployed: Deployment, guests: Callable[[str], Guest]
) -> None:
    stream = Stream(deployed.nginx.port, LOBBY, Cookie=deployed.sign_in("Ann"))
    stream.until("pusher_internal:subscription_succeeded")
    leaving = Stream(deployed.nginx.port, LOBBY, Cookie=deployed.sign_in("Bob"))
    guests("Cat").say("Hello")
    assert stream.until("message")["data"]["text"] == "Hello"

    leaving.cut()
    assert stream.until("pusher_internal:member_removed")

    deployed.stop_replica(0), deployed.stop_replica(1)
    assert stream.until("pusher:error")["data"]["code"] == 4200
    assert stream.next() is None
    assert "prematurely closed" not in deployed.nginx.output()


def test_clients_are_told_apart_and_counted_once_over_all_replicas(deployed: Deployment) -> None:
    cookie = deployed.sign_in("Ann")
    statuses = [deployed.request("POST", WAVE, Cookie=cookie)[0] for _ in range(6)]
    assert statuses == [201] * 5 + [429]
    assert all(deployed.served_by(replica.port) for replica in deployed.replicas)
    other = {"Cookie": cookie, "X-Forwarded-For": "203.0.113.7"}
    assert deployed.request("POST", WAVE, **other)[0] == 201


@pytest.mark.parametrize(
    ("outer_proxy", "scheme"), [("", "http"), ("127.0.0.1", "https"), ("192.0.2.1", "http")]
)
def test_https_is_believed_of_a_proxy_in_front_of_nginx_and_of_nobody_else(
    tmp_path: Path, outer_proxy: str, scheme: str
) -> None:
    with ExitStack() as started:
        server = Gunicorn("tests.apps.where:app", tmp_path, TRUSTED_PROXIES="127.0.0.1")
        started.callback(server.stop)
        nginx = Nginx([server.port], tmp_path, outer_proxy)
        started.callback(nginx.stop)
        asked = Request(f"{nginx.url}/tea", headers={"X-Forwarded-Proto": "https"})
        with urlopen(asked, timeout=60) as response:
            assert json.load(response)["url"] == f"{scheme}://127.0.0.1:{nginx.port}/tea"


def test_the_doctor_finds_nothing_that_would_hurt_in_it(deployed: Deployment) -> None:
    command = [sys.executable, "-m", "flask", "--app", "examples.chat.app", "rf", "doctor", "--all"]
    environment = {**os.environ, **deployed.settings}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    hurts = [line for line in said.stdout.splitlines() if line.startswith("hurts")]
    assert [line for line in hurts if "open files" not in line] == [], said.stderr
    for subject in ("Redis rights", "eviction", "persistence", "proxies", "SECRET_KEY"):
        assert re.search(rf"^fine +{subject}", said.stdout, re.MULTILINE), said.stdout


def test_figures_are_not_for_everybody(deployed: Deployment) -> None:
    assert deployed.request("GET", "/metrics")[0] == 404
    assert not any("/metrics" in replica.output() for replica in deployed.replicas)


def test_bodies_are_compressed_once(deployed: Deployment) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", deployed.nginx.port, timeout=60)
    with closing(connection):
        connection.request("GET", "/broadcasting/rf.js", headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert response.headers.get_all("Content-Encoding") == ["gzip"]
        assert b"class RF" in gzip.decompress(response.read())


def in_exec_form(instruction: str) -> list[str]:
    """An instruction of the Dockerfile that is written as a list."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    (command,) = re.findall(rf"^{instruction}[^[]*(\[.+\])$", text, re.MULTILINE)
    found: list[str] = json.loads(command)
    return found


def test_the_images_command_serves_and_its_health_check_tells(tmp_path: Path) -> None:
    port = free_port()
    bin_folder = Path(sys.executable).parent
    start, check = (
        [part.replace("0.0.0.0", "127.0.0.1").replace("8000", str(port)) for part in command]
        for command in (in_exec_form("CMD"), in_exec_form("HEALTHCHECK"))
    )
    start[0], check[0] = str(bin_folder / start[0]), str(bin_folder / check[0])
    process = Process(start, tmp_path / "image.log", {"SECRET_KEY": "a secret of the tests"})
    process.await_start(lambda: subprocess.run(check, capture_output=True).returncode == 0)
    process.stop()
    assert subprocess.run(check, capture_output=True).returncode == 1
