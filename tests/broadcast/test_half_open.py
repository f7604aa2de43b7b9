"""Peers that are gone without a word: a laptop closed, a cable pulled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn

pytestmark = pytest.mark.servers

ROOM = "presence-room.calm"


def test_a_half_open_peer_is_dropped_and_leaves_its_channels(
    serve: Callable[..., Gunicorn],
) -> None:
    server = serve(app="tests.apps.strict:app", BROADCAST_ACTIVITY_TIMEOUT="1")
    watching, silent = Socket(server.port), Socket(server.port)
    watching.subscribe(ROOM, "ann")
    silent.subscribe(ROOM, "silent")  # and never reads, answers or closes again
    added, removed = (
        answering_pings(watching, f"pusher_internal:member_{change}")
        for change in ("added", "removed")
    )
    assert added["data"]["user_id"] == removed["data"]["user_id"] == "silent"


def answering_pings(socket: Socket, event: str) -> dict[str, Any]:
    """The next message of that name."""
    while (message := socket.receive())["event"] != event:
        if message["event"] == "pusher:ping":
            socket.send("pusher:pong", {})
    return message
