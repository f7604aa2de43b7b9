"""An event costs Redis one PUBLISH for each of its channels: MONITOR shows every command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from flask_rf import Broadcast
from tests.parts.redis import RedisProcess

KINDS = {"redis_server": "PUBLISH", "redis_cluster": "SPUBLISH"}


def published(monitor: Any) -> Iterator[str]:
    """The topics of what was published before an ECHO, by commands and by scripts."""
    for command in monitor.listen():
        name, *arguments = command["command"].split(" ")
        if name == "ECHO":
            return
        if "PUBLISH" in name:
            yield f"{name} {arguments[0]}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "channels",
    [
        ["chat"],
        ["chat", "news", "offers"],
        ["cache-chat"],
        ["log.1"],
        ["log.1", "log.2"],
        ["chat", "log.1", "cache-chat", "presence-room", "chat"],
    ],
    ids=["plain", "several", "cached", "kept", "several kept", "mixed, one named twice"],
)
def test_an_event_is_published_once_on_each_of_its_channels(
    kind: str, channels: list[str], app: Flask, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    nodes: list[RedisProcess] = getattr(server, "nodes", [server])
    broadcast = Broadcast(app, redis_url=server.url)
    broadcast.keep("log.{name}", history=10)
    broadcast.to(*channels).send("message", "before")  # scripts are known, connections there
    with ExitStack() as watching:
        monitors = [watching.enter_context(node.client.monitor()) for node in nodes]
        broadcast.to(*channels).send("message", "hi")
        for node in nodes:
            node.client.echo("end")
        seen = [topic for monitor in monitors for topic in published(monitor)]
    keys = broadcast.compiled.server.broker._keys  # type: ignore[attr-defined]
    assert sorted(seen) == sorted(f"{KINDS[kind]} {keys.topic(name)}" for name in set(channels))
    broadcast.compiled.server.stop()
