"""Flask's own development server, with a thread a connection."""

from __future__ import annotations

import sys
from pathlib import Path

from .processes import accepts
from .processes import free_port
from .processes import Process


class Werkzeug:
    """``app`` (``"module:app"``) served by ``flask run`` on a free port."""

    def __init__(self, app: str, folder: Path, **env: str) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "flask", "--app", app, "run", "--port", str(self.port)]
        self.process = Process(command, folder / f"werkzeug-{self.port}.log", env)
        self.process.await_start(lambda: accepts(self.port))

    def output(self) -> str:
        return self.process.output()

    def stop(self) -> int:
        return self.process.stop()
