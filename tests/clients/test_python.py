"""Python's clients: Pusher's own server SDK, and Pysher for sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pysher
import pytest
from pusher import Pusher
from pusher.errors import PusherBadAuth
from pusher.errors import PusherBadRequest

from tests.broadcast.client import send
from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until

from .conftest import APP_ID
from .conftest import MASTER_KEY
from .conftest import SECRET

pytestmark = pytest.mark.servers

ROOM = "presence-room.python"


def sdk_for(server: Gunicorn, secret: str = SECRET) -> Any:
    return Pusher(
        APP_ID,
        "flask-rf",
        secret,
        ssl=False,
        host="127.0.0.1",
        port=server.port,
        encryption_master_key_base64=MASTER_KEY,
    )


@pytest.fixture
def sdk(server: Gunicorn) -> Any:
    return sdk_for(server)


@pytest.fixture
def ann(server: Gunicorn) -> Iterator[Socket]:
    socket = Socket(server.port)
    yield socket
    socket.cut()


def test_an_event_is_triggered_and_one_socket_left_out(sdk: Any, ann: Socket) -> None:
    ann.subscribe("chat-python")
    sdk.trigger("chat-python", "news", {"n": 1}, ann.id)
    sdk.trigger(["chat-python", "other"], "news", {"ü": 2})
    assert ann.until("news")["data"] == {"ü": 2}


def test_a_batch_is_triggered(sdk: Any, ann: Socket) -> None:
    ann.subscribe("batch-python")
    sdk.trigger_batch([{"channel": "batch-python", "name": f"e{n}", "data": n} for n in range(3)])
    assert [ann.until(f"e{n}")["data"] for n in range(3)] == [0, 1, 2]


def test_channels_and_users_are_queried(sdk: Any, ann: Socket) -> None:
    ann.subscribe(ROOM, "ann")
    about = ["user_count", "subscription_count"]
    wait_until(lambda: ROOM in sdk.channels_info("presence-", ["user_count"])["channels"])
    told = sdk.channel_info(ROOM, about)
    assert told == {"occupied": True, "user_count": 1, "subscription_count": 1}
    assert sdk.users_info(ROOM) == {"users": [{"id": "ann"}]}


def test_a_users_connections_are_ended(sdk: Any, ann: Socket) -> None:
    ann.sign_in("ended")
    assert sdk.terminate_user_connections("ended") == {}
    assert ann.closed() == 4009


def test_refusals_arrive_as_the_sdks_own_errors(sdk: Any, server: Gunicorn) -> None:
    with pytest.raises(PusherBadAuth, match="BROADCAST_APP_SECRET"):
        sdk_for(server, "guessed").trigger("chat", "news", 1)
    with pytest.raises(PusherBadRequest, match="presence channels only"):
        sdk.users_info("chat")


@pytest.fixture
def pysher_client(server: Gunicorn) -> Iterator[Callable[[], Any]]:
    clients: list[Any] = []

    def connect() -> Any:
        client = pysher.Pusher(
            "flask-rf", secure=False, custom_host="127.0.0.1", port=server.port, secret=SECRET
        )
        clients.append(client)
        connected = threading.Event()
        client.connection.bind("pusher:connection_established", lambda data: connected.set())
        client.connect()
        assert connected.wait(5)
        return client

    yield connect
    for client in clients:
        client.disconnect(0.1)


def test_pysher_hears_public_and_private_channels(
    server: Gunicorn, pysher_client: Callable[[], Any]
) -> None:
    client, heard, joined = pysher_client(), [], []
    names = ["chat-pysher", "private-orders.pysher"]
    for name in names:
        channel = client.subscribe(name)
        channel.bind("message", heard.append)
        channel.bind("pusher_internal:subscription_succeeded", joined.append)
    wait_until(lambda: len(joined) == 2)
    for number, name in enumerate(names):
        assert send(server.port, name, number) == 204
    wait_until(lambda: heard == ["0", "1"])
