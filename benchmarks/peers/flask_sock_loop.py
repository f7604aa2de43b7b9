"""What flask-sock's users write first: a list of sockets, and a loop that sends."""

from __future__ import annotations

import os
from threading import Thread
from typing import Any

from flask import Flask
from flask_sock import Sock
from redis import Redis
from simple_websocket import ConnectionClosed

app = Flask("bench")
sock = Sock(app)
clients: set[Any] = set()


@sock.route("/ws")
def join(ws: Any) -> None:
    clients.add(ws)
    try:
        while True:
            ws.receive()
    finally:
        clients.discard(ws)


def listen() -> None:
    messages = Redis.from_url(os.environ["REDIS_URL"]).pubsub(ignore_subscribe_messages=True)
    messages.subscribe("bench")
    for message in messages.listen():
        text = message["data"].decode()
        for ws in list(clients):
            try:
                ws.send(text)
            except ConnectionClosed:
                clients.discard(ws)


Thread(target=listen, daemon=True).start()
