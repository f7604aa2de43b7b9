from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
import trustme
from redis import exceptions

from flask_rf.redis import RedisOptions
from flask_rf.redis.link import reply_error
from flask_rf.redis.sender import Sender
from tests.parts.processes import free_port
from tests.parts.redis import RedisProcess
from tests.parts.redis import with_tls
from tests.redis.test_lane import sender
from tests.redis.test_lane import together

OPTIONS = RedisOptions(timeout=20.0, connect_timeout=20.0)


def test_what_a_socket_does_not_take_at_once_follows(redis_server: RedisProcess) -> None:
    lane = sender(redis_server)
    value = b"x" * 8_000_000

    outcomes = together(
        lambda: lane.execute("SET", "large", value),
        lambda: gevent.sleep(0) or lane.execute("GET", "large"),
        lambda: lane.execute("ECHO", "a"),
    )

    assert outcomes == [b"OK", value, b"a"]


@pytest.fixture
def tls_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """A Redis that speaks TLS on a port of its own."""
    authority, pem = trustme.CA(), tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    port = free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", str(pem), "--tls-key-file", str(pem)]
    options += ["--tls-ca-cert-file", str(tmp_path / "ca.pem")]
    server = RedisProcess(tmp_path, *options, binary=with_tls(tmp_path))
    server.url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
    yield server
    server.stop()


@pytest.mark.deployment
def test_a_lane_may_run_over_tls(tls_redis: RedisProcess) -> None:
    lane = sender(tls_redis)
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
        lane = Sender(f"redis://127.0.0.1:{listener.getsockname()[1]}?protocol=2", OPTIONS, 60.0)
        assert together(lambda: lane.execute("PING")) == [b"PONG"]
        babbling.append(True)

        (outcome,) = together(lambda: lane.execute("PING"))

    assert isinstance(outcome, exceptions.ConnectionError)
