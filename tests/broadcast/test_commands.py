from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from flask_rf import Broadcast
from flask_rf.broadcast.commands import broadcast_command
from flask_rf.broadcast.commands import channels_command
from tests.broadcast.client import Socket
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.parts.werkzeug import Werkzeug

COMMANDS = {"broadcast": broadcast_command, "channels": channels_command}


def run(app: Flask, name: str, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(COMMANDS[name], arguments)


def refused(app: Flask, *arguments: str) -> str:
    result = run(app, *arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ") and result.output.count("\n") == 1
    return result.output


@pytest.fixture
def over_redis(app: Flask, redis_server: RedisProcess) -> Broadcast:
    return Broadcast(app, redis_url=redis_server.url)


def test_a_command_sends_an_event(app: Flask, over_redis: Broadcast) -> None:
    with over_redis.fake() as sent:
        result = run(app, "broadcast", "orders", "order.shipped", '{"id": 7}')
    assert (result.exit_code, result.output) == (0, "Sent 'order.shipped' to orders.\n")
    sent.assert_sent("order.shipped", channel="orders", data={"id": 7}, times=1)


def test_an_event_sent_by_command_needs_no_data(app: Flask, over_redis: Broadcast) -> None:
    with over_redis.fake() as sent:
        run(app, "broadcast", "orders", "nudge")
    sent.assert_sent("nudge", data={}, times=1)


@pytest.mark.parametrize("data", ["{id: 7}", "", "NaN"])
def test_what_is_no_json_is_refused_in_one_sentence(
    app: Flask, over_redis: Broadcast, data: str
) -> None:
    assert "JSON" in refused(app, "broadcast", "orders", "order.shipped", data)


def test_the_refusal_shows_how_json_is_quoted(app: Flask, over_redis: Broadcast) -> None:
    assert refused(app, "broadcast", "orders", "order.shipped", "{id:") == (
        "Error: '{id:' is not JSON (Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)); quote it for the shell, as in '{\"id\": 7}'\n"
    )


def test_a_channel_outside_the_rules_is_refused(app: Flask, over_redis: Broadcast) -> None:
    assert "a channel name has" in refused(app, "broadcast", "a b", "nudge")


@pytest.mark.parametrize("command", [["broadcast", "orders", "nudge"], ["channels"]])
class TestWhatStopsACommand:
    def test_memory_is_another_processs(self, app: Flask, command: list[str]) -> None:
        Broadcast(app)
        assert "which no command reaches; set REDIS_URL" in refused(app, *command)

    def test_redis_does_not_answer(self, app: Flask, command: list[str]) -> None:
        Broadcast(app, redis_url="redis://127.0.0.1:1/0")
        assert "refused" in refused(app, *command)

    def test_nothing_is_set_up(self, app: Flask, command: list[str]) -> None:
        assert "add Broadcast(app)" in refused(app, *command)


def test_no_channel_is_occupied_while_nobody_listens(app: Flask, over_redis: Broadcast) -> None:
    result = run(app, "channels")
    assert result.exit_code == 0
    assert result.output == "SUBSCRIPTIONS  USERS  CHANNEL\nNobody listens.\n"


def flask(redis_server: RedisProcess, *arguments: str) -> str:
    command = [sys.executable, "-m", "flask", "--app", "tests.apps.events", "rf", *arguments]
    env = {"REDIS_URL": redis_server.url, "REDIS_TIMEOUT": "5"}
    return subprocess.run(
        command, cwd=ROOT, env=env, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def two_servers(redis_server: RedisProcess, tmp_path: Path) -> Iterator[list[Werkzeug]]:
    with ExitStack() as running:
        servers = []
        for _ in range(2):
            server = Werkzeug("tests.apps.events", tmp_path, REDIS_URL=redis_server.url)
            running.callback(server.stop)
            servers.append(server)
        yield servers


@pytest.mark.servers
def test_commands_reach_and_count_the_sockets_of_all_servers(
    redis_server: RedisProcess, two_servers: list[Werkzeug]
) -> None:
    sockets = [Socket(server.port) for server in two_servers]
    for socket in sockets:
        socket.subscribe("orders")
        socket.subscribe("presence-room.1", user="ann")
    listed: list[list[str]] = []

    def counted() -> bool:
        head, *lines = flask(redis_server, "channels").splitlines()
        listed[:] = [line.split() for line in lines]
        return listed == [["2", "-", "orders"], ["2", "1", "presence-room.1"]]

    wait_until(counted, what="two subscriptions of each channel")
    assert "presence" not in flask(redis_server, "channels", "--prefix", "ord")
    assert "2      -  orders" in flask(redis_server, "channels", "--prefix", "ord")
    flask(redis_server, "broadcast", "orders", "order.shipped", json.dumps({"id": 7}))
    for socket in sockets:
        assert socket.until("order.shipped")["data"] == {"id": 7}
