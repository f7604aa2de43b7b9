"""An app whose limits several workers share; the environment names the Redis."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from flask_sock import Sock

from flask_rf import Limiter

app = Flask("shop")
limiter = Limiter(app)
sock = Sock(app)


@app.get("/orders")
@limiter.limit("20/hour")
def orders() -> str:
    return str(os.getpid())


@sock.route("/echo")
@limiter.concurrency(2)
@limiter.socket("3/hour")
def echo(socket: Any) -> None:
    while True:
        socket.send(socket.receive())
