"""Who stands in the queue of a worker that is told to stop is served."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.monkey
import pytest
from gevent import socket as gevent_socket
from gevent.pool import Pool

from flask_rf.gunicorn_worker import LastCall


@pytest.fixture
def door() -> Iterator[Any]:
    listener = gevent_socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    yield listener
    listener.close()


def serve(listener: Any) -> LastCall:
    def answer(client: Any, address: Any) -> None:
        client.sendall(client.recv(100))
        client.close()

    server = LastCall(listener, answer, spawn=Pool(100))
    server.start()
    return server


def knock(address: tuple[str, int]) -> Any:
    """Connect without letting gevent's loop run: what asks now stays in the queue."""
    client = gevent.monkey.get_original("socket", "create_connection")(address, timeout=30)
    client.sendall(b"a request")
    return client


def test_a_server_that_closes_serves_all_who_have_come(door: Any) -> None:
    address = door.getsockname()
    server = serve(door)
    clients = [knock(address) for _ in range(50)]
    server.close()
    server.pool.join(30)
    assert [client.recv(100) for client in clients] == [b"a request"] * 50
    for client in clients:
        client.close()


def test_once_closed_nobody_comes_in_not_even_into_the_queue(door: Any) -> None:
    address = door.getsockname()
    server = serve(door)
    server.close()
    with pytest.raises(ConnectionRefusedError):
        knock(address)


def test_to_close_twice_harms_nobody_elses_file(door: Any) -> None:
    server = serve(door)
    server.close()
    with socket.socket() as other:  # most likely has the number that has become free
        server.close()
        server.stop()
        other.bind(("127.0.0.1", 0))
        other.listen()
