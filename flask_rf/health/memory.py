"""How much of its memory the container uses, or the machine where there is no limit."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .result import grade
from .result import Result

_HOST = "proc/meminfo"


@dataclass(frozen=True)
class Memory:
    """Bytes.

    :param source: ``"cgroup"`` or ``"host"``.
    """

    used: int
    limit: int
    source: str


@dataclass(frozen=True)
class _Controller:
    """Where a version of the memory controller keeps its numbers."""

    mount: str
    limit: str
    usage: str
    inactive: str


_V1 = _Controller(
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)
_V2 = _Controller("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


@dataclass(frozen=True)
class MemoryCheck:
    """Looks at the memory of the container, or of the machine.

    :param warn: percent in use from which it warns.
    :param fail: percent in use from which it fails.
    """

    warn: float = 80.0
    fail: float = 95.0

    def __call__(self) -> Result:
        memory = measure()
        share = 100 * memory.used / memory.limit
        status = grade(share, self.warn, self.fail)
        details = {
            "componentType": "system",
            "observedValue": round(share, 1),
            "observedUnit": "percent",
            "usedBytes": memory.used,
            "limitBytes": memory.limit,
            "source": memory.source,
        }
        return Result(status, "" if status == "pass" else f"{share:.0f} % used", details)


def is_known(root: Path = Path("/")) -> bool:
    """Whether this system says how much memory it has: elsewhere than on Linux psutil does."""
    return (root / _HOST).exists() or importlib.util.find_spec("psutil") is not None


def measure(root: Path = Path("/")) -> Memory:
    """The memory this process may use.

    :param root: where ``proc`` and ``sys`` are.
    """
    host = _host(root)
    limited = [memory for memory in _cgroups(root) if memory.limit < host.limit]
    return min(limited, key=lambda memory: memory.limit, default=host)


def _host(root: Path) -> Memory:
    if root == Path("/"):
        try:
            import psutil
        except ImportError:
            pass
        else:
            memory = psutil.virtual_memory()
            return Memory(memory.total - memory.available, memory.total, "host")
    fields = re.findall(r"^(\w+): +(\d+) kB", (root / _HOST).read_text(), re.MULTILINE)
    sizes = {name: int(kilobytes) * 1024 for name, kilobytes in fields}
    return Memory(sizes["MemTotal"] - sizes["MemAvailable"], sizes["MemTotal"], "host")


def _cgroups(root: Path) -> Iterator[Memory]:
    """This process's cgroup and its ancestors, as far as they limit memory."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            yield from _ancestors(root, _V2, path)
        elif "memory" in controllers.split(","):
            yield from _ancestors(root, _V1, path)


def _ancestors(root: Path, controller: _Controller, path: str) -> Iterator[Memory]:
    mount = root / controller.mount
    group = mount / path.lstrip("/")
    # In a container without a cgroup namespace the path is the host's; its own is the mount.
    for folder in (group, *group.parents):
        memory = _limited(folder, controller)
        if memory is not None:
            yield memory
        if folder == mount:
            return


def _limited(folder: Path, controller: _Controller) -> Memory | None:
    try:
        limit = (folder / controller.limit).read_text().strip()
        usage = int((folder / controller.usage).read_text())
        stat = (folder / "memory.stat").read_text()
    except OSError:
        return None
    if limit == "max":
        return None
    # File pages not used lately are given back under pressure, as container runtimes count it.
    fields = dict(line.split() for line in stat.splitlines())
    used = max(0, usage - int(fields.get(controller.inactive, 0)))
    return Memory(used, int(limit), "cgroup")
