"""Several gunicorn workers, many greenlets each, on one Redis."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.servers


def test_two_workers_admit_exactly_the_limit_to_fifty_clients(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", "2"]
    command += ["--bind", f"127.0.0.1:{port}", "tests.apps.limited:app"]
    env = {"REDIS_URL": redis_server.url, "RATE_LIMIT_TIMEOUT": "5"}
    env |= {"REDIS_TIMEOUT": "20", "REDIS_CONNECT_TIMEOUT": "20"}
    server = Process(command, tmp_path / "gunicorn.log", env)

    def ask(_: int) -> tuple[int, bytes]:
        try:
            with urlopen(f"http://127.0.0.1:{port}/orders", timeout=60) as response:
                return response.status, response.read()
        except HTTPError as error:
            with error:
                return error.code, b""

    try:
        server.await_start(lambda: accepts(port))
        with ThreadPoolExecutor(50) as clients:
            answers = list(clients.map(ask, range(150)))
    finally:
        server.stop()

    assert Counter(status for status, _ in answers) == {200: 20, 429: 130}
    assert redis_server.client.zcard("shop:1:rl:w20/3600:orders:{127.0.0.1}") == 20
