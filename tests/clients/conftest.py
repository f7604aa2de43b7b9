"""The real clients, and one real server for all of them: two gevent workers and a Redis."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.gunicorn import Gunicorn
from tests.parts.redis import RedisProcess

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
APP_ID = "7"
SECRET = "s3cret"
MASTER_KEY = base64.b64encode(bytes(32)).decode()

_SETTINGS = {
    "BROADCAST_APP_ID": APP_ID,
    "BROADCAST_APP_SECRET": SECRET,
    "BROADCAST_ENCRYPTION_KEY": MASTER_KEY,
    "BROADCAST_SUBSCRIPTION_COUNT": "true",
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("clients")
    redis = RedisProcess(folder)
    settings = {"REDIS_URL": redis.url, **_SETTINGS}
    server = Gunicorn("tests.apps.events:app", folder, "--workers", "2", **settings)
    yield server
    output = server.output()
    server.stop(), redis.stop()
    assert "Traceback" not in output, output


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder of the npm packages."""
    if not (PACKAGES / "pusher-js").is_dir():
        pytest.fail(
            f"the npm packages are missing: run `npm ci` in {HERE.name}/, "
            "or leave these tests out with -m 'not node and not browser'",
            pytrace=False,
        )
    return PACKAGES


@pytest.fixture(scope="session")
def node(packages: Path) -> Callable[..., None]:
    """Runs a script of this folder; fails the test with what it said if it fails."""
    binary = shutil.which("node")
    if binary is None:
        pytest.fail("no Node found: install it, or leave out -m 'not node'", pytrace=False)

    def run(script: str, *arguments: str) -> None:
        command = [binary, script, *arguments]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    return run
