from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broadcast.client import Socket
from tests.broadcast.client import Stream
from tests.parts.cluster import RedisClusterProcesses


@pytest.fixture(autouse=True)
def _close_sockets() -> Iterator[None]:
    yield
    for opened in (Socket.opened, Stream.opened):
        while opened:
            opened.pop().cut()


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClusterProcesses]:
    processes = RedisClusterProcesses(tmp_path_factory.mktemp("cluster"))
    yield processes
    processes.stop()


@pytest.fixture
def redis_cluster(_cluster: RedisClusterProcesses) -> RedisClusterProcesses:
    """The session's real Cluster, emptied. Tests that hurt theirs make their own."""
    for node in _cluster.nodes:
        node.client.flushall()
    return _cluster
