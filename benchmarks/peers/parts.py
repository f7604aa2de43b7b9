"""Server processes on a core of their own, and what they use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import wait_until

_CORES = sorted(os.sched_getaffinity(0))
SERVERS, CLIENTS = _CORES[0], _CORES[-1]
_TICKS = os.sysconf("SC_CLK_TCK")


class Pinned:
    """A server on its core, ``{port}`` in its command standing for its port."""

    def __init__(self, command: list[str], folder: Path, url: str) -> None:
        self.port = free_port()
        command = [part.replace("{port}", str(self.port)) for part in command]
        pin = ["taskset", "-c", str(SERVERS)]
        self._process = Process(pin + command, folder / f"{self.port}.log", {"REDIS_URL": url})
        wait_until(self._up, 20, f"{command} on port {self.port}")

    def _up(self) -> bool:
        if not self._process.alive:
            raise AssertionError(self._process.output())
        return accepts(self.port)

    def _family(self) -> list[int]:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [pid, *map(int, children.split())]

    def cpu(self) -> float:
        """Seconds of user and system time of the server and its workers so far."""
        return sum(map(_cpu, self._family()))

    def memory(self) -> int:
        """Bytes resident."""
        return sum(map(_resident, self._family()))

    def stop(self) -> None:
        self._process.kill()

    def output(self) -> str:
        return self._process.output()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Talker:
    """A helping process that says "ready", then is told things line by line."""

    def __init__(self, command: list[str], url: str = "") -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "REDIS_URL": url},
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdin and self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout
        assert self._output.readline() == "ready\n"

    def tell(self, line: str) -> None:
        self._input.write(line + "\n")
        self._input.flush()

    def end(self) -> str:
        """Let it finish; returns what it said last."""
        self._input.close()
        last = self._output.read()
        self._output.close()
        assert self._process.wait(20) == 0
        return last

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
