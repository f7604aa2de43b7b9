"""A real Prometheus, and promtool, which judges what it is to read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from .processes import free_port
from .processes import Process


def prometheus_folder() -> Path:
    """``RF_PROMETHEUS_BIN``, else that of promtool on the PATH."""
    named, on_path = os.environ.get("RF_PROMETHEUS_BIN"), shutil.which("promtool")
    if named or on_path:
        return Path(named) if named else Path(str(on_path)).parent
    pytest.fail(
        "no Prometheus found: install one (apt-get install prometheus), name its folder in "
        "RF_PROMETHEUS_BIN, or leave these tests out with -m 'not prometheus'",
        pytrace=False,
    )


def promtool(*arguments: str | Path, text: bytes = b"") -> tuple[int, str]:
    """Run it with ``text`` as its input; returns its exit status and what it says."""
    command = [str(prometheus_folder() / "promtool"), *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True)
    return done.returncode, (done.stdout + done.stderr).decode()


class PrometheusProcess:
    """One server on its own port, with a folder of its own.

    :param config: the path of its configuration.
    """

    def __init__(self, config: Path, folder: Path) -> None:
        self.port = free_port()
        command = [str(prometheus_folder() / "prometheus"), f"--config.file={config}"]
        command += [f"--storage.tsdb.path={folder / 'tsdb'}"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}"]
        self.process = Process(command, folder / "prometheus.log")
        self.process.await_start(self._is_ready, 60)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that a PromQL expression comes to now."""
        answer = self.get(f"query?{urlencode({'query': expression})}")
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def get(self, path: str) -> Any:
        """What its API answers; the reason, where that is an error."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None

    def stop(self) -> None:
        self.process.stop()

    def _is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/-/ready"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError:
            return False
