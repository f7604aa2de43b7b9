"""An app with the dashboard, as its tests watch it at work."""

from __future__ import annotations

import random
import time

from flask import abort
from flask import Flask
from flask import request

from flask_rf import RF

app = Flask("shop")
app.config.update(SECRET_KEY="a secret of the tests", RF_DASHBOARD=True)
app.config.setdefault("RF_DASHBOARD_TOKEN", "a long enough token")
rf = RF(app)


@rf.broadcast.user
def user() -> str | None:
    return request.headers.get("X-User") or request.args.get("user")


@rf.broadcast.channel("presence-room.{room}")
def may_enter(user: str, room: str) -> bool:
    return bool(user)


@rf.broadcast.channel("private-{anything}")
def may_listen(user: str, anything: str) -> bool:
    return True


@app.get("/orders")
@rf.limiter.limit("20/minute")
def orders() -> str:
    time.sleep(random.expovariate(1 / 0.004))
    return "[]"


@app.get("/orders/<int:order>")
def order(order: int) -> str:
    time.sleep(random.expovariate(1 / 0.012))
    if order % 17 == 0:
        abort(404)
    return "{}"


@app.post("/checkout")
def checkout() -> str:
    time.sleep(random.expovariate(1 / 0.03))
    if random.random() < 0.03:
        abort(503)
    return "paid"


@app.post("/send/<channel>")
def send(channel: str) -> str:
    rf.broadcast.to(channel).send("message", {"text": "hello"})
    return ""
