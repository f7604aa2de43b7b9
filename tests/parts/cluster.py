"""A Redis Cluster of a few primaries, each a real server."""

from __future__ import annotations

from pathlib import Path

from .processes import free_port
from .processes import wait_until
from .redis import RedisProcess

_SLOTS = 16384


class RedisClusterProcesses:
    """``count`` primaries that share the slots evenly."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.nodes = [self._node(folder / f"node-{n}") for n in range(count)]
        for n, node in enumerate(self.nodes):
            first, last = n * _SLOTS // count, (n + 1) * _SLOTS // count - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        first_node = self.nodes[0]
        for node, bus in zip(self.nodes[1:], self._buses[1:], strict=True):
            meet = ("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            first_node.client.execute_command(*meet)
        wait_until(self._whole, 20, "a whole Cluster")
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes)

    def _node(self, folder: Path) -> RedisProcess:
        folder.mkdir(parents=True)
        bus = free_port()
        self._buses = [*getattr(self, "_buses", []), bus]
        options = ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
        options += ["--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"]
        return RedisProcess(folder, *options)

    def _whole(self) -> bool:
        infos = [node.client.execute_command("CLUSTER", "INFO") for node in self.nodes]
        known = f"cluster_known_nodes:{len(self.nodes)}".encode()
        return all(b"cluster_state:ok" in info and known in info for info in infos)

    def holder_of(self, key: str) -> RedisProcess:
        """The node whose slots hold ``key``."""
        slot = self.nodes[0].client.execute_command("CLUSTER", "KEYSLOT", key)
        return self.nodes[slot * len(self.nodes) // _SLOTS]

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
