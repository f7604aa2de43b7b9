from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import websocket
from flask import Flask
from flask_sock import Sock
from simple_websocket import ConnectionClosed

from flask_rf import ConfigurationError
from flask_rf import Limiter
from flask_rf.ratelimit.sockets import LimitedSocket
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess


class FakeSocket:
    """A socket whose peer has sent ``messages`` and then nothing."""

    def __init__(self, *messages: str) -> None:
        self.messages = list(messages)
        self.closed: tuple[int, str] | None = None

    def receive(self, timeout: float | None = None) -> str | None:
        return self.messages.pop(0) if self.messages else None

    def close(self, reason: int, message: str) -> None:
        self.closed = (reason, message)


def test_a_client_that_sends_too_much_is_closed_with_policy_violation(app: Flask) -> None:
    limiter = Limiter(app)
    read: list[Any] = []

    @limiter.socket("2/minute")
    def chat(socket: Any) -> None:
        while True:
            read.append(socket.receive())

    socket = FakeSocket("a", "b", "c")
    with app.test_request_context("/"), pytest.raises(ConnectionClosed):
        chat(socket)

    assert read == ["a", "b"]
    assert socket.closed == (1008, "too many messages")


def test_waiting_in_vain_counts_nothing(app: Flask) -> None:
    limiter = Limiter(app)
    with app.test_request_context("/"):
        socket = LimitedSocket(FakeSocket(), limiter.socket("1/minute").gate())

    assert [socket.receive(timeout=0) for _ in range(5)] == [None] * 5


def test_all_sockets_of_a_client_share_its_limit(app: Flask) -> None:
    limit = Limiter(app).socket("2/minute")

    with app.test_request_context("/"):
        gates = [limit.gate(), limit.gate()]

    assert [gate.allows() for gate in [*gates, *gates]] == [True, True, False, False]


def test_a_scope_that_is_a_function_is_the_same_in_each_process(app: Flask) -> None:
    limiter = Limiter(app)
    mine, theirs = (limiter.socket("1/minute", scope=lambda _: "chat") for _ in range(2))

    with app.test_request_context("/"):
        assert [mine.gate().allows(), theirs.gate().allows()] == [True, False]


def test_a_gate_may_be_opened_for_a_client_by_name(app: Flask) -> None:
    limit = Limiter(app).socket("1/minute")

    assert [limit.gate(name).allows() for name in ("ann", "bob", "ann")] == [True, True, False]


def test_the_rest_of_a_socket_is_as_before(app: Flask) -> None:
    limiter = Limiter(app)
    with app.test_request_context("/"):
        socket = LimitedSocket(FakeSocket("a"), limiter.socket("1/minute").gate())

    assert socket.messages == ["a"]


def test_connections_are_limited_as_requests(app: Flask) -> None:
    limiter, sock = Limiter(app), Sock(app)

    @sock.route("/chat")
    @limiter.limit("1/minute")
    @limiter.socket("5/second")
    def chat(socket: Any) -> None:
        raise AssertionError("no test client speaks WebSocket")

    handshake = {"Connection": "Upgrade", "Upgrade": "websocket"}
    codes = [app.test_client().get("/chat", headers=handshake).status_code for _ in range(2)]

    assert codes == [500, 429]  # the test client has no socket to upgrade


def test_a_message_may_cost_more_than_one(app: Flask) -> None:
    costs = iter([1, 2])
    limiter = Limiter(app)
    plain, varying = (
        limiter.socket("3/minute", cost=2),
        limiter.socket("2/hour", cost=costs.__next__),
    )

    assert [plain.gate("ann").allows() for _ in range(2)] == [True, False]
    assert [varying.gate("ann").allows() for _ in range(2)] == [True, False]


def test_terms_of_requests_are_refused_for_messages(app: Flask) -> None:
    with pytest.raises(TypeError, match="takes no deduct_when, methods"):
        Limiter(app).socket("5/minute", methods=["GET"], deduct_when=bool)


@pytest.mark.parametrize("limit", ["5/mintue", "api", lambda: "5/minute"])
def test_a_sockets_limit_must_be_known_at_once(app: Flask, limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="a socket's limit"):
        Limiter(app).socket(limit)


# --- Served: two workers of gunicorn, real sockets, one Redis ---


@pytest.fixture
def server(redis_server: RedisProcess, tmp_path: Path) -> Iterator[Gunicorn]:
    settings = {"REDIS_URL": redis_server.url, "RATE_LIMIT_TIMEOUT": "5"}
    server = Gunicorn("tests.apps.limited:app", tmp_path, "--workers", "2", **settings)
    yield server
    server.stop()


def connect(server: Gunicorn) -> websocket.WebSocket:
    return websocket.create_connection(f"ws://127.0.0.1:{server.port}/echo", timeout=60)


def status_of_another(server: Gunicorn) -> int:
    """Of one more handshake."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", "/echo", headers=upgrade)
        with connection.getresponse() as response:
            return response.status


@pytest.mark.servers
def test_served_sockets_are_limited_in_number_and_their_messages_over_all_workers(
    server: Gunicorn,
) -> None:
    first, second = connect(server), connect(server)
    assert status_of_another(server) == 429
    for socket in (first, second, first):
        socket.send("hi")
        assert socket.recv() == "hi"
    second.send("one too many")
    opcode, data = second.recv_data()
    assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, 1008)
    assert data[2:] == b"too many messages"
    wait_until(lambda: status_of_another(server) == 101, what="the place of the one that ended")
    first.shutdown(), second.shutdown()
