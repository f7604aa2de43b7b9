"""Tells which requests the events come from that its sockets receive."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_rf import RF
from flask_rf import signals

app = Flask(__name__)
app.config["SECRET_KEY"] = "a secret of the tests"
rf = RF(app)
rf.broadcast.keep("log.{name}", history=10)
_heard: list[str] = []


@signals.events_delivered.connect_via(app)
def hear(app: Flask, request_ids: list[str], **_: Any) -> None:
    _heard.extend(request_ids)


@app.get("/send/<channel>")
def send(channel: str) -> str:
    rf.broadcast.to(channel).send("message", "hi")
    return ""


@app.get("/heard")
def heard() -> list[str]:
    return _heard
