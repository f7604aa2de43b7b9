"""The real clients, and one real server for all of them: two gevent workers and a Redis."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from threading import Timer

import pytest

from flask_rf.broadcast import scripts
from tests.parts.gunicorn import Gunicorn
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
APP_ID = "7"
SECRET = "s3cret"
PLUG_IN = Path(scripts.__file__).with_name("client") / "pusher-recovery.js"
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


class Link(FaultProxy):
    """The clients' way to the server, which a scenario may cut for a while.

    What is tried meanwhile hangs: pusher-js waits 15 seconds after an attempt that is refused.
    """

    def cut(self) -> None:
        self.deaf = True
        super().cut()

    def restore(self) -> None:
        self.deaf = False


@pytest.fixture
def link(server: Gunicorn) -> Iterator[Link]:
    link = Link(server.port)
    yield link
    link.close()


@pytest.fixture
def node(packages: Path, link: Link, tmp_path: Path) -> Callable[..., None]:
    """Runs a script of this folder; fails the test with what it said if it fails.

    It prints what is to happen to the link.
    """
    binary = shutil.which("node")
    if binary is None:
        pytest.fail("no Node found: install it, or leave out -m 'not node'", pytrace=False)

    def run(script: str, *arguments: object) -> None:
        command = [binary, script, *map(str, arguments)]
        errors = tmp_path / "stderr"
        with (
            errors.open("w") as stderr,
            subprocess.Popen(command, cwd=HERE, stdout=PIPE, stderr=stderr, text=True) as process,
        ):
            overdue = Timer(60, process.kill)
            overdue.start()
            assert process.stdout is not None
            said = [_do(line.strip(), link) for line in process.stdout]
            process.wait()
            overdue.cancel()
        assert process.returncode == 0, "\n".join(said) + errors.read_text()

    return run


def _do(said: str, link: Link) -> str:
    if said == "cut":
        link.cut()
    elif said == "restore":
        link.restore()
    return said
