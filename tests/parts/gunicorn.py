"""A real gunicorn with gevent workers."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from .processes import accepts
from .processes import free_port
from .processes import Process


class Gunicorn:
    """``app`` (``"module:app"``) served on a free port, or the one given.

    :param env: extra environment; settings of flask_rf among them.
    """

    def __init__(
        self, app: str, folder: Path, *options: str, port: int | None = None, **env: str
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "gunicorn", "-c", "python:flask_rf.gunicorn"]
        command += ["--bind", f"127.0.0.1:{self.port}", *options, app]
        self.process = Process(command, folder / f"gunicorn-{self.port}.log", env)
        self.process.await_start(lambda: accepts(self.port))

    def output(self) -> str:
        return self.process.output()

    def workers(self) -> list[int]:
        """The processes that serve, by their ids, oldest first."""
        children = psutil.Process(self.process.pid).children()
        return [child.pid for child in sorted(children, key=lambda child: child.create_time())]

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """GET ``path``; returns status, headers and body, errors included."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def get_json(self, path: str) -> Any:
        return json.loads(self.get(path)[2])

    def stop(self) -> int:
        return self.process.stop()
