"""Broadcasting alone: public, private and presence channels, and a route that sends."""

import time

from flask import Flask
from flask import request

from flask_rf import Broadcast
from flask_rf import BroadcastError

app = Flask(__name__)
app.config["SECRET_KEY"] = "a secret of the tests"
broadcast = Broadcast(app)
broadcast.keep("log.{name}", history=100, ttl=60)
broadcast.keep("short.{name}", history=1, ttl=60)
broadcast.keep("soak.{name}", history=5000, ttl=600)


@broadcast.user
def user() -> str | None:
    return request.headers.get("X-User")


@broadcast.watchlist
def follows(user: str) -> list[str]:
    return ["star"] if user == "fan-of-star" else []


@broadcast.channel("orders.{owner}", history=10, ttl=60)
def may_listen(user: str, owner: str) -> bool:
    return user == owner


@broadcast.channel("slow.{owner}")
def may_listen_later(user: str, owner: str) -> bool:
    time.sleep(0.5)
    return user == owner


@broadcast.channel("presence-log.{room}")
@broadcast.channel("presence-room.{room}")
def may_enter(user: str, room: str) -> dict[str, str]:
    return {"name": user.title()}


@app.post("/send/<channel>")
def send(channel: str) -> tuple[str, int]:
    try:
        broadcast.to(channel).to_others().send("message", request.get_json())
    except BroadcastError as error:
        return str(error), 503
    return "", 204


@app.get("/here")
def here() -> str:
    """How many sockets this worker has."""
    return str(len(broadcast.compiled.server.connections))


@app.get("/greenlets")
def greenlets() -> str:
    """How many greenlets this worker has."""
    import gc

    from greenlet import greenlet

    gc.collect()
    return str(sum(isinstance(each, greenlet) for each in gc.get_objects()))


@app.get("/")
def index() -> str:
    return "ok"
