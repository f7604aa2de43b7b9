from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from threading import Thread
from typing import Any

import pytest
from redis.exceptions import RedisError
from redis.exceptions import ResponseError

from flask_rf.redis import failures
from flask_rf.redis import RedisOptions
from flask_rf.redis.cluster import ClusterSender
from flask_rf.redis.primary import Primary
from tests.parts.cluster import RedisClusterProcesses
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

COUNT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClusterProcesses]:
    processes = RedisClusterProcesses(tmp_path_factory.mktemp("cluster"))
    yield processes
    processes.stop()


@pytest.fixture
def sender(cluster: RedisClusterProcesses) -> ClusterSender:
    for node in cluster.nodes:
        node.client.flushall()
    return ClusterSender(cluster.url, RedisOptions(), 20.0)


def counts(*keys: str) -> list[tuple[Any, ...]]:
    return [("EVAL", COUNT, 1, key) for key in keys]


def keys_on_each(cluster: RedisClusterProcesses) -> dict[RedisProcess, str]:
    """A key for each server."""
    return {cluster.holder_of(f"key-{n}"): f"key-{n}" for n in range(100)}


def test_commands_reach_the_servers_of_their_keys(
    cluster: RedisClusterProcesses, sender: ClusterSender
) -> None:
    keys = keys_on_each(cluster)

    assert sender.execute_each(counts(*keys.values())) == [1, 1, 1]
    assert sender.execute_each(counts(*keys.values())) == [2, 2, 2]
    assert all(int(node.client.get(key)) == 2 for node, key in keys.items())


def test_nobody_waits_for_another_servers_reply(cluster: RedisClusterProcesses) -> None:
    sender = ClusterSender(cluster.url, RedisOptions(), 20.0)
    (slow, first), (quick, second), *_ = keys_on_each(cluster).items()
    (before,) = sender.execute_each(counts(second))
    sender.execute_each(counts(first, second))
    slow.pause()

    replies: list[Any] = []
    asking = Thread(target=lambda: replies.extend(sender.execute_each(counts(first, second))))
    asking.start()
    try:
        wait_until(lambda: int(quick.client.get(second)) == before + 2)
        assert replies == []
    finally:
        slow.resume()
    asking.join()

    assert replies[1] == before + 2


def test_a_moved_slot_is_followed(cluster: RedisClusterProcesses, sender: ClusterSender) -> None:
    node, key = next(iter(keys_on_each(cluster).items()))
    other = next(other for other in cluster.nodes if other is not node)
    sender.execute_each(counts(key))
    client: Any = sender._client()
    nodes = {n.port: n for n in client.get_primaries()}
    slot = client.keyslot(key)
    client.nodes_manager.slots_cache[slot] = [nodes[other.port]]  # what a move leaves behind

    assert sender.execute_each(counts(key)) == [2]


def test_an_error_stands_in_its_place(
    cluster: RedisClusterProcesses, sender: ClusterSender
) -> None:
    one, other, *_ = keys_on_each(cluster).values()

    first, second = sender.execute_each([*counts(one), ("EVAL", "return nonsense(", 1, other)])

    assert first == 1
    assert isinstance(second, ResponseError)


def test_more_callers_than_connections_wait_for_one(
    cluster: RedisClusterProcesses, sender: ClusterSender
) -> None:
    few = ClusterSender(cluster.url, RedisOptions(max_connections=2), 20.0)
    replies: list[Any] = []
    threads = [
        Thread(target=lambda: replies.extend(few.execute_each(counts("a")))) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(replies, key=str) == sorted(range(1, 41), key=str)


def test_callers_of_several_servers_never_hold_what_each_other_waits_for(
    cluster: RedisClusterProcesses, sender: ClusterSender
) -> None:
    few = ClusterSender(cluster.url, RedisOptions(max_connections=1), 20.0)
    keys = [*keys_on_each(cluster).values(), "two", "of", "one", "server"]
    replies: list[Any] = []

    def ask(keys: list[str]) -> None:
        for _ in range(20):
            replies.extend(few.execute_each(counts(*keys)))
            if any(isinstance(reply, Exception) for reply in replies):
                return

    threads = [Thread(target=ask, args=(order,)) for order in (keys, keys[::-1]) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    few.close()
    assert sorted(replies, key=str) == sorted([*range(1, 161)] * len(keys), key=str)


def test_a_command_made_for_its_server_may_follow_another(
    cluster: RedisClusterProcesses, sender: ClusterSender
) -> None:
    node, key = next(iter(keys_on_each(cluster).items()))
    run_id = node.client.info("server")["run_id"].encode()

    def made(primary: Primary) -> tuple[Any, ...]:
        return ("EVAL", f"return '{primary.run_id}'", 1, key)

    assert sender.execute_each([*counts(key), made]) == [1, run_id]


def test_a_caller_that_is_interrupted_keeps_no_connection(
    cluster: RedisClusterProcesses, sender: ClusterSender
) -> None:
    only = ClusterSender(cluster.url, RedisOptions(max_connections=1), 20.0)
    one, other, *_ = keys_on_each(cluster).values()
    only.execute_each([("SET", one, "of one"), ("SET", other, "of the other")])
    made = iter([("GET", one)])

    def interrupted(_: object) -> tuple[Any, ...]:
        for command in made:
            return command
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        only.execute_each([("GET", other), interrupted])

    assert only.execute_each([("GET", one), ("GET", other)]) == [b"of one", b"of the other"]


def test_those_who_wait_for_a_silent_cluster_wait_together() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"redis+cluster://127.0.0.1:{silent.getsockname()[1]}"
        sender = ClusterSender(url, RedisOptions(), 1.0)
        met = Barrier(40)
        threads = [Thread(target=lambda: met.wait() or outcome(sender)) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert dials(silent) < 20  # each by itself would dial


def outcome(sender: ClusterSender) -> Any:
    try:
        return sender.execute("GET", "a")
    except failures() as error:
        return error


def dials(listener: socket.socket) -> int:
    listener.settimeout(0)
    count = 0
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_a_silent_server_holds_up_only_its_own(tmp_path: Path) -> None:
    cluster = RedisClusterProcesses(tmp_path)
    try:
        sender = ClusterSender(cluster.url, RedisOptions(), 1.0)
        (node, key), (_, other), *_ = keys_on_each(cluster).items()
        sender.execute_each(counts(key, other))
        node.pause()

        began = time.monotonic()
        silent, spoken = sender.execute_each(counts(key, other))
        waited = time.monotonic() - began
        node.resume()

        assert isinstance(silent, RedisError)
        assert spoken == 2
        assert waited < 8
    finally:
        cluster.stop()
