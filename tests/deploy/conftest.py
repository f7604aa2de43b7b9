from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError

from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import ROOT
from tests.parts.redis import redis_binary

DEPLOY = ROOT / "examples" / "deploy"


def installed(name: str) -> str:
    """A linter that pip has put beside this Python."""
    path = Path(sys.executable).parent / name
    assert path.exists(), f"no {name}; python3 dev.py test installs it"
    return str(path)


def make_secrets(folder: Path) -> Path:
    """Run the script that makes the secrets, for ``folder``."""
    spec = importlib.util.spec_from_file_location("make_secrets", DEPLOY / "make_secrets.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(folder)
    return folder


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_secrets(tmp_path_factory.mktemp("deploy") / "secrets")


class ConfiguredRedis:
    """A Redis by a file of examples/deploy/redis, with the users that are made for it.

    :param options: what a container would mount or be given; laid over the file.
    """

    def __init__(
        self, name: str, secrets: Path, folder: Path, *options: str, binary: str = ""
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.secrets = secrets
        self.port = free_port()
        text = (DEPLOY / "redis" / f"{name}.conf").read_text()
        (folder / "redis.conf").write_text(text.replace("dir /data", f"dir {folder}"))
        command = [binary or redis_binary(), str(folder / "redis.conf")]
        command += ["--aclfile", str(secrets / "users.acl")]
        self._command = [*command, "--port", str(self.port), "--bind", "127.0.0.1", *options]
        self._log = folder / f"{name}.log"
        self._start()

    def _start(self) -> None:
        self.process = Process(self._command, self._log)
        self.process.await_start(self._answers)

    def restart(self) -> None:
        self.process.kill()
        self._start()

    def url_of(self, user: str) -> str:
        return f"redis://{user}:{self.password_of(user)}@127.0.0.1:{self.port}/0"

    def password_of(self, user: str) -> str:
        return (self.secrets / f"redis_password_{user}").read_text()

    def client_of(self, user: str) -> Any:
        return Redis.from_url(self.url_of(user), decode_responses=True)

    def _answers(self) -> bool:
        try:
            client = Redis("127.0.0.1", self.port, username="health", password="-")
            return bool(client.ping())
        except ConnectionError:
            return False

    def stop(self) -> None:
        self.process.kill()


Configured = Callable[..., ConfiguredRedis]


@pytest.fixture
def configured(tmp_path: Path, secrets: Path) -> Iterator[Configured]:
    """Starts a Redis by its configuration; all are stopped when the test ends."""
    with ExitStack() as started:

        def start(name: str, *options: str, binary: str = "") -> ConfiguredRedis:
            folder = tmp_path / f"{name}-{free_port()}"
            server = ConfiguredRedis(name, secrets, folder, *options, binary=binary)
            started.callback(server.stop)
            return server

        yield start
