from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_rf import lifecycle
from tests.broadcast.client import Socket
from tests.broadcast.client import Stream
from tests.broadcast.ears import Ear
from tests.broadcast.servers import APP
from tests.parts.cluster import RedisClusterProcesses
from tests.parts.gunicorn import Gunicorn


@pytest.fixture(autouse=True, scope="package")
def _patience_with_redis() -> Iterator[None]:
    """A busy machine's Redis may take longer over a command than apps wait by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_TIMEOUT", "5")
        yield


@pytest.fixture(autouse=True)
def _end_what_was_begun(_own_process: None) -> Iterator[None]:
    """Of tests that fail, too: sockets keep servers waiting, and threads would go on for ever."""
    yield
    for opened in (Socket.opened, Stream.opened):
        while opened:
            opened.pop().cut()
    while Ear.started:
        Ear.started.pop().stop()
    for app in list(lifecycle._apps):
        broadcasting = app.extensions.get("rf_broadcast")
        for server in list(broadcasting._servers.values()) if broadcasting else ():
            server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Starts servers with settings of their own."""
    running: list[Gunicorn] = []

    def serve(*options: str, app: str = APP, **env: str) -> Gunicorn:
        running.append(Gunicorn(app, tmp_path, *options, **env))
        return running[-1]

    yield serve
    for each in running:
        each.process.kill()  # a drain would take its seconds
    for each in running:
        assert "Traceback" not in each.output(), each.output()


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
