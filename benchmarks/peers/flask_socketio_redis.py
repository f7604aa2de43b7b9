"""Flask-SocketIO with gevent and its Redis message queue."""

from __future__ import annotations

import os

from flask import Flask
from flask_socketio import SocketIO

app = Flask("bench")
socketio = SocketIO(
    app,
    message_queue=os.environ["REDIS_URL"],
    async_mode="gevent",
    ping_interval=3600,
    cors_allowed_origins="*",
)
