"""Peers that are gone without a word: a laptop closed, a cable pulled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn

pytestmark = pytest.mark.servers

ROOM = "presence-room.calm"


def test_a_half_open_peer_is_dropped_and_leaves_its_channels(tmp_path: Path) -> None:
    server = Gunicorn("tests.apps.strict:app", tmp_path, BROADCAST_ACTIVITY_TIMEOUT="1")
    silent, watching = Socket(server.port), Socket(server.port)
    watching.subscribe(ROOM, "ann")
    silent.subscribe(ROOM, "silent")  # and never reads, answers or closes again
    added = watching.until("pusher_internal:member_added")
    while (message := watching.receive())["event"] != "pusher_internal:member_removed":
        assert message["event"] == "pusher:ping"
        watching.send("pusher:pong", {})
    assert added["data"]["user_id"] == message["data"]["user_id"] == "silent"
    server.stop()
