"""A primary, its replica, and the Sentinel that watches them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from redis import Redis

from .processes import accepts
from .processes import free_port
from .processes import Process
from .processes import wait_until
from .redis import redis_binary
from .redis import RedisProcess


class SentinelProcesses:
    """Named ``mymaster``; a lost primary is replaced within about two seconds.

    One that a busy machine holds up for half a second is not lost.
    """

    def __init__(self, folder: Path) -> None:
        for name in ("primary", "replica", "sentinel"):
            (folder / name).mkdir()
        with ExitStack() as started:
            self.primary = RedisProcess(folder / "primary", "--repl-diskless-sync-delay", "0")
            started.callback(self.primary.stop)
            of_primary = ("--replicaof", "127.0.0.1", str(self.primary.port))
            self.replica = RedisProcess(folder / "replica", *of_primary)
            started.callback(self.replica.stop)
            self._start_sentinel(folder / "sentinel")
            started.callback(self._stop_sentinel)
            wait_until(lambda: self._master().get("num-slaves") == 1, 60, "both to be seen")
            self._started = started.pop_all()
        self.url = f"redis+sentinel://127.0.0.1:{self.port}/mymaster/0"

    def _start_sentinel(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\n"
            f"dir {folder}\n"
            f"sentinel monitor mymaster 127.0.0.1 {self.primary.port} 1\n"
            "sentinel down-after-milliseconds mymaster 1000\n"
            "sentinel failover-timeout mymaster 2000\n"
        )
        command = [redis_binary(), str(config), "--sentinel"]
        self.sentinel = Process(command, folder / "sentinel.log")
        self.sentinel.await_start(lambda: accepts(self.port))
        self.client: Any = Redis("127.0.0.1", self.port, decode_responses=True)

    def _master(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.sentinel_master("mymaster")
        return found

    def wait_for_replacement(self) -> None:
        """Wait until the replica is the primary."""
        wait_until(lambda: self._master()["port"] == self.replica.port, 60, "a new primary")
        wait_until(lambda: self.replica.client.role()[0] == b"master", 60, "its promotion")

    def _stop_sentinel(self) -> None:
        self.client.close()
        self.sentinel.kill()

    def stop(self) -> None:
        self._started.close()
