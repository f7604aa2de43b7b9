"""A Redis Cluster of a few primaries, each a real server."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from .processes import free_port
from .processes import wait_until
from .redis import RedisProcess

_SLOTS = 16384


class RedisClusterProcesses:
    """``count`` primaries that share the slots evenly."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        with ExitStack() as started:
            self.nodes: list[RedisProcess] = []
            buses = [free_port() for _ in range(count)]
            for n, bus in enumerate(buses):
                self.nodes.append(_node(folder / f"node-{n}", bus))
                started.callback(self.nodes[-1].stop)
            self._join(buses)
            self._started = started.pop_all()
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes)

    def _join(self, buses: list[int]) -> None:
        count = len(self.nodes)
        for n, node in enumerate(self.nodes):
            first, last = n * _SLOTS // count, (n + 1) * _SLOTS // count - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for node, bus in zip(self.nodes[1:], buses[1:], strict=True):
            meet = ("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            self.nodes[0].client.execute_command(*meet)
        wait_until(self._whole, 20, "a whole Cluster")

    def _whole(self) -> bool:
        infos = [node.client.execute_command("CLUSTER", "INFO") for node in self.nodes]
        known = f"cluster_known_nodes:{len(self.nodes)}".encode()
        return all(b"cluster_state:ok" in info and known in info for info in infos)

    def holder_of(self, key: str) -> RedisProcess:
        """The node whose slots hold ``key``."""
        slot = self.nodes[0].client.execute_command("CLUSTER", "KEYSLOT", key)
        return self.nodes[slot * len(self.nodes) // _SLOTS]

    def stop(self) -> None:
        self._started.close()


def _node(folder: Path, bus: int) -> RedisProcess:
    folder.mkdir(parents=True)
    options = ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
    options += ["--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"]
    return RedisProcess(folder, *options)
