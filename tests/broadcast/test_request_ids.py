"""Events know the request that sent them, wherever they arrive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_rf import RF
from flask_rf import signals
from flask_rf.broadcast.broker import Broker
from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.memory import MemoryBroker
from tests.broadcast.client import Socket
from tests.broadcast.ears import Ear
from tests.broadcast.test_brokers import over
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import free_port
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess


@pytest.mark.servers
@pytest.mark.parametrize("channel", ["chat", "log.1"])
def test_a_process_knows_which_request_of_another_sent_what_it_delivers(
    channel: str, redis_server: RedisProcess, tmp_path: Path
) -> None:
    here, there = (
        Gunicorn("tests.apps.traced:app", tmp_path, "--workers", "1", REDIS_URL=redis_server.url)
        for _ in range(2)
    )
    try:
        listener = Socket(there.port)
        listener.have_patience(60)
        listener.subscribe(channel)
        status, headers, _ = here.get(f"/send/{channel}")
        assert status == 200
        assert listener.receive()["event"] == "message"
        wait_until(lambda: headers["X-Request-ID"] in there.get_json("/heard"), what="the id")
    finally:
        here.stop(), there.stop()


def test_whoever_publishes_or_gives_up_tells_of_which_request(app: Flask) -> None:
    app.config["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    lost, kept = RF(app), RF(other := Flask("other"))
    other.config["SECRET_KEY"] = "a secret of the tests"
    told: list[str] = []

    def tell(sender: Flask, request_id: str, **_: Any) -> None:
        told.append(request_id)

    for served, rf in ((app, lost), (other, kept)):
        signals.event_published.connect(tell, served)
        signals.event_dropped.connect(tell, served)
        served.add_url_rule("/", "send", lambda rf=rf: send(rf))  # type: ignore[misc]
        answer = served.test_client().get("/")
        assert told.pop() == answer.headers["X-Request-ID"]
    kept.broadcast.to("chat").send("message")
    assert told == [""]


def send(rf: RF) -> str:
    rf.broadcast.to("chat").send("message", on_error="drop")
    return ""


class Clumsy(Ear):
    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        raise RuntimeError("a bug")


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_the_log_of_a_delivery_that_failed_names_the_request(
    kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    broker: Broker = MemoryBroker()
    if kind == "redis":
        broker = over(request.getfixturevalue("redis_server").url)
    Clumsy(broker)
    broker.subscribe("chat")
    message = json.dumps({"event": "said"}).encode()
    broker.publish([("chat", Envelope(message, 0.0, request_id="a-request"))])
    wait_until(lambda: "(of request a-request)" in caplog.text, what="the log")
    broker.stop()
