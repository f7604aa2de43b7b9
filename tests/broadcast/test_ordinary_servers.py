"""Servers that sockets cannot leave: behind TLS, in a thread each, and where none can be had."""

from __future__ import annotations

import signal
import ssl
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.broadcast.client import get
from tests.broadcast.client import send
from tests.broadcast.client import Socket
from tests.broadcast.client import Stream
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import wait_until

pytestmark = pytest.mark.servers

BIG = "x" * 90_000


@pytest.fixture(params=["tls", "threads"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gunicorn]:
    options = ["--worker-class", "gthread", "--threads", "20"]
    scheme = "http"
    if request.param == "tls":
        certificate = trustme.CA().issue_cert("127.0.0.1")
        pem = tmp_path / "server.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(pem)
        options, scheme = ["--certfile", str(pem), "--keyfile", str(pem)], "https"
    running = Gunicorn("tests.apps.events:app", tmp_path, *options)
    running.url = f"{scheme}://127.0.0.1:{running.port}"
    yield running
    running.stop()


def connect(server: Gunicorn) -> Socket:
    if server.url.startswith("http:"):
        return Socket(server.port)
    return Socket(server.port, scheme="wss", sslopt={"cert_reqs": ssl.CERT_NONE})


def test_events_arrive_whole_and_in_order(server: Gunicorn) -> None:
    crowd = [connect(server) for _ in range(3)]
    for each in crowd:
        assert each.subscribe("chat")["event"].endswith("succeeded")
    for first in range(0, 20, 5):  # what waits for a reader may be as large as the queue
        numbers = range(first, first + 5)
        for number in numbers:
            publish(server, f'[{number},"{BIG}"]')
        for each in crowd:
            assert [each.receive()["data"] for _ in numbers] == [[n, BIG] for n in numbers]


def test_a_client_that_leaves_is_answered_and_forgotten(server: Gunicorn) -> None:
    leaving, staying = connect(server), connect(server)
    leaving.subscribe("chat"), staying.subscribe("chat")
    leaving.leave(1001)
    assert leaving.closed() == 1001
    publish(server, '"still here"')
    assert staying.receive()["data"] == "still here"


def test_on_sigterm_clients_are_told_to_come_back(server: Gunicorn) -> None:
    client = connect(server)
    server.process.signal(signal.SIGTERM)
    assert client.closed() == 4200
    client.cut()
    wait_until(lambda: not server.process.alive)  # a second signal might find it half gone
    assert server.stop() == 0


def test_a_server_that_keeps_its_connections_serves_streams(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "waitress", "--port", str(port), "tests.apps.events:app"]
    waitress = Process(command, tmp_path / "waitress.log")
    waitress.await_start(lambda: accepts(port))
    try:
        handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        handshake["Sec-WebSocket-Key"] = "MDEyMzQ1Njc4OWFiY2RlZg=="
        status, body = get(port, "/app/flask-rf?protocol=7", **handshake)
        assert status == 501 and b"serve WebSockets with gunicorn" in body
        stream = Stream(port, "chat")
        stream.until("pusher_internal:subscription_succeeded")
        send(port, "chat", "hi")
        assert stream.until("message")["data"] == "hi"
        assert "Traceback" not in waitress.output()
    finally:
        waitress.stop()


def test_gevents_own_server_serves_sockets_and_streams(tmp_path: Path) -> None:
    port = free_port()
    script = f"""
from gevent import monkey; monkey.patch_all()
from gevent.pywsgi import WSGIServer
from tests.apps.events import app
WSGIServer(("127.0.0.1", {port}), app).serve_forever()
"""
    pywsgi = Process([sys.executable, "-c", script], tmp_path / "pywsgi.log")
    pywsgi.await_start(lambda: accepts(port))
    try:
        sock, stream = Socket(port), Stream(port, "chat")
        sock.subscribe("chat")
        stream.until("pusher_internal:subscription_succeeded")
        send(port, "chat", "hi")
        assert sock.receive()["data"] == stream.until("message")["data"] == "hi"
    finally:
        pywsgi.stop()


def publish(server: Gunicorn, body: str) -> None:
    url = f"{server.url}/send/chat"
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(request, timeout=30, context=unverified) as response:
        assert response.status == 204
