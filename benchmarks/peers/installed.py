"""Who takes part: how each is started, and what is missing where it cannot be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from .swarm import Dialect
from .swarm import PLAIN
from .swarm import pusher
from .swarm import SOCKET_IO

_HERE = Path(__file__).parent


class Contender(NamedTuple):
    """A server, and the process that publishes to it.

    :param needs: modules of Python; none for Node's.
    """

    name: str
    serve: list[str]
    publish: list[str]
    dialect: Dialect
    needs: tuple[str, ...] = ()


def _gunicorn(app: str, *options: str) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1"]
    return [*command, *options, app]


def _gevent(app: str) -> list[str]:
    options = ["--worker-class", "gevent", "--worker-connections", "20000", "--backlog", "2048"]
    return _gunicorn(app, *options)


def _publisher(kind: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.peers.publish", kind]


CONTENDERS = (
    Contender(
        "flask_rf",
        _gunicorn("benchmarks.peers.rf:app", "--config", "python:flask_rf.gunicorn"),
        _publisher("rf"),
        pusher("bench"),
        ("gunicorn",),
    ),
    Contender(
        "flask-sock, a loop",
        _gevent("benchmarks.peers.flask_sock_loop:app"),
        _publisher("redis"),
        PLAIN,
        ("gunicorn",),
    ),
    Contender(
        "Flask-SocketIO",
        _gevent("benchmarks.peers.flask_socketio_redis:app"),
        _publisher("flask-socketio"),
        SOCKET_IO,
        ("gunicorn", "flask_socketio"),
    ),
    Contender(
        "websockets",
        [sys.executable, "-m", "benchmarks.peers.websockets_broadcast", "{port}"],
        _publisher("redis"),
        PLAIN,
        ("websockets",),
    ),
    Contender(
        "socket.io",
        ["node", str(_HERE / "socketio.mjs"), "{port}"],
        ["node", str(_HERE / "socketio_publish.mjs")],
        SOCKET_IO,
    ),
    Contender("ws", ["node", str(_HERE / "ws.mjs"), "{port}"], _publisher("redis"), PLAIN),
)


def missing(contender: Contender) -> str:
    """Why it cannot take part; "" if it can."""
    if contender.needs:
        absent = [name for name in contender.needs if find_spec(name) is None]
        return f"not installed: {', '.join(absent)}" if absent else ""
    return _missing_of_node()


@cache
def _missing_of_node() -> str:
    if shutil.which("node") is None:
        return "there is no node on the PATH"
    if not (_HERE / "node_modules").is_dir():
        if shutil.which("npm") is None:
            return "there is no npm on the PATH"
        command = ["npm", "ci", "--silent"]
        if subprocess.run(["timeout", "180", *command], cwd=_HERE).returncode != 0:
            return "npm ci failed, or took three minutes"
    return ""
