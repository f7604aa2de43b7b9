from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from redis import exceptions

from flask_rf.redis import RedisOptions
from flask_rf.redis.link import reply_error
from flask_rf.redis.sender import Sender
from tests.parts.processes import free_port
from tests.parts.redis import RedisProcess
from tests.redis.test_lane import sender
from tests.redis.test_lane import together

OPTIONS = RedisOptions()


def test_what_a_socket_does_not_take_at_once_follows(redis_server: RedisProcess) -> None:
    lane = sender(redis_server, timeout=5.0)
    value = b"x" * 8_000_000

    outcomes = together(
        lambda: lane.execute("SET", "large", value),
        lambda: gevent.sleep(0) or lane.execute("GET", "large"),
        lambda: lane.execute("ECHO", "a"),
    )

    assert outcomes == [b"OK", value, b"a"]


@pytest.fixture
def tls_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """A Redis that speaks TLS on a port of its own, by a certificate it signed itself."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key)]
    subprocess.run([*command, "-out", str(certificate)], check=True, capture_output=True)
    port = free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    server = RedisProcess(tmp_path, *options, "--tls-ca-cert-file", str(certificate))
    server.url = f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none"
    yield server
    server.stop()


@pytest.mark.skipif(
    shutil.which("redis-server") is None or shutil.which("openssl") is None,
    reason="needs a Redis built with TLS, and openssl",
)
def test_a_lane_may_run_over_tls(tls_redis: RedisProcess) -> None:
    lane = sender(tls_redis, timeout=5.0)
    value = b"x" * 3_000_000

    outcomes = together(
        lambda: lane.execute("SET", "large", value),
        lambda: gevent.sleep(0) or lane.execute("GET", "large"),
        *(lambda n=n: lane.execute("ECHO", n) for n in range(20)),
    )

    assert outcomes == [b"OK", value, *(str(n).encode() for n in range(20))]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("NOSCRIPT No matching script.", exceptions.NoScriptError),
        ("READONLY You can't write against a read only replica.", exceptions.ReadOnlyError),
        ("NOAUTH Authentication required.", exceptions.AuthenticationError),
        ("LOADING Redis is loading the dataset in memory", exceptions.BusyLoadingError),
        ("OOM command not allowed", exceptions.OutOfMemoryError),
        ("ERR anything else", exceptions.ResponseError),
    ],
)
def test_error_replies_become_redis_pys_exceptions(text: str, kind: type[Exception]) -> None:
    error = reply_error(text)

    assert type(error) is kind
    assert str(error) == text


def test_what_is_no_reply_at_all_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            peer, _ = listener.accept()
            with peer:
                while commands := peer.recv(1000).count(b"*"):
                    peer.sendall((b"?\r\n" if babbling else b"+PONG\r\n") * commands)

        babbling: list[bool] = []
        threading.Thread(target=babble, daemon=True).start()
        lane = Sender(f"redis://127.0.0.1:{listener.getsockname()[1]}?protocol=2", OPTIONS, 5.0)
        assert together(lambda: lane.execute("PING")) == [b"PONG"]
        babbling.append(True)

        (outcome,) = together(lambda: lane.execute("PING"))

    assert isinstance(outcome, exceptions.ConnectionError)
