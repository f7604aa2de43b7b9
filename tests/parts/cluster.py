"""A Redis Cluster of a few primaries, each a real server."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from .processes import free_port
from .processes import wait_until
from .redis import RedisProcess

_SLOTS = 16384


class RedisClusterProcesses:
    """``count`` primaries that share the slots evenly.

    :param replicas: of each primary.
    """

    def __init__(self, folder: Path, count: int = 3, replicas: int = 0) -> None:
        with ExitStack() as started:
            everybody: list[RedisProcess] = []
            buses = [free_port() for _ in range(count * (1 + replicas))]
            # Who cannot be replaced is not given up: a busy machine would stop a whole Cluster.
            timeout = 2000 if replicas else 15000
            for n, bus in enumerate(buses):
                everybody.append(_node(folder / f"node-{n}", bus, timeout))
                started.callback(everybody[-1].stop)
            self.nodes, self.replicas = everybody[:count], everybody[count:]
            self._share_slots()
            self._meet(everybody, buses)
            self._follow()
            self._started = started.pop_all()
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in everybody)

    def _share_slots(self) -> None:
        count = len(self.nodes)
        for n, node in enumerate(self.nodes):
            first, last = n * _SLOTS // count, (n + 1) * _SLOTS // count - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)

    def _meet(self, everybody: list[RedisProcess], buses: list[int]) -> None:
        for node, bus in zip(everybody[1:], buses[1:], strict=True):
            meet = ("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            everybody[0].client.execute_command(*meet)
        known = f"cluster_known_nodes:{len(everybody)}".encode()

        def whole() -> bool:
            infos = [node.client.execute_command("CLUSTER", "INFO") for node in everybody]
            return all(b"cluster_state:ok" in info and known in info for info in infos)

        wait_until(whole, 60, "a whole Cluster")

    def _follow(self) -> None:
        for n, replica in enumerate(self.replicas):
            primary = self.nodes[n % len(self.nodes)]
            replica.client.execute_command("CLUSTER", "REPLICATE", _id(primary))

        def follows(replica: RedisProcess) -> bool:
            return bool(replica.client.info("replication")["master_link_status"] == "up")

        wait_until(lambda: all(map(follows, self.replicas)), 60, "replicas")

    def move_slot(self, key: str, source: RedisProcess, target: RedisProcess) -> None:
        """Have ``target`` hold the slot of ``key`` from now on, and all that is in it."""
        slot = source.client.execute_command("CLUSTER", "KEYSLOT", key)
        setslot = ("CLUSTER", "SETSLOT", slot)
        target.client.execute_command(*setslot, "IMPORTING", _id(source))
        source.client.execute_command(*setslot, "MIGRATING", _id(target))
        keys = source.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        if keys:
            migrate = ("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            source.client.execute_command(*migrate)
        for node in (target, source, *self.nodes):
            node.client.execute_command(*setslot, "NODE", _id(target))
        # One that has not heard of the new epoch would believe older claims.
        wait_until(lambda: len({_epoch(node) for node in self.nodes}) == 1, 60, "one epoch")

    def holder_of(self, key: str) -> RedisProcess:
        """The node whose slots hold ``key``."""
        slot = self.nodes[0].client.execute_command("CLUSTER", "KEYSLOT", key)
        return self.nodes[slot * len(self.nodes) // _SLOTS]

    def stop(self) -> None:
        self._started.close()


def _epoch(node: RedisProcess) -> bytes:
    info: bytes = node.client.execute_command("CLUSTER", "INFO")
    return next(line for line in info.split() if line.startswith(b"cluster_current_epoch:"))


def _id(node: RedisProcess) -> str:
    found: bytes = node.client.execute_command("CLUSTER", "MYID")
    return found.decode()


def _node(folder: Path, bus: int, timeout: int) -> RedisProcess:
    folder.mkdir(parents=True)
    options = ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
    options += ["--cluster-node-timeout", str(timeout), "--cluster-require-full-coverage", "no"]
    options += ["--repl-diskless-sync-delay", "0"]
    return RedisProcess(folder, *options)
