"""Events across a real Redis Cluster, its servers lost, replaced and relieved of their slots."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.history import History
from flask_rf.broadcast.redis.cluster_listener import ClusterListener
from flask_rf.broadcast.redis.keys import CLUSTER_PARTITIONS
from flask_rf.broadcast.redis.keys import Keyspace
from flask_rf.errors import RedisUnavailable
from tests.broadcast.ears import Ear
from tests.broadcast.test_brokers import ANN
from tests.broadcast.test_brokers import event
from tests.broadcast.test_brokers import over
from tests.parts.cluster import RedisClusterProcesses
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

KEYS = Keyspace("shop:1:1", CLUSTER_PARTITIONS)
CHANNELS = [f"chat-{n}" for n in range(60)]
TEN = History(10, 60)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisClusterProcesses]:
    processes = RedisClusterProcesses(tmp_path)
    yield processes
    processes.stop()


@pytest.fixture
def start() -> Callable[[RedisClusterProcesses], Ear]:
    return lambda cluster: Ear(over(cluster.url))


def channels_of(cluster: RedisClusterProcesses, node: RedisProcess) -> list[str]:
    return [name for name in CHANNELS if cluster.holder_of(KEYS.topic(name)) is node]


def listen(ear: Ear) -> Ear:
    for channel in CHANNELS:
        ear.broker.subscribe(channel)
    return ear


def says(ear: Ear, channel: str, text: str) -> bool:
    """Publish until it has worked."""
    try:
        ear.broker.keep([(channel, event(text), TEN)])
    except RedisUnavailable:
        return False
    return True


def reaches(ear: Ear, channel: str, text: str) -> bool:
    """Publish until it is heard."""
    return channel in heard(ear, text) or (says(ear, channel, text) and False)


def heard(ear: Ear, text: str) -> set[str]:
    return {channel for channel, e in ear.events if f'"{text}"'.encode() in e.payload}


def test_events_of_every_shard_reach_every_process(
    redis_cluster: RedisClusterProcesses, start: Callable[[RedisClusterProcesses], Ear]
) -> None:
    here, there = listen(start(redis_cluster)), listen(start(redis_cluster))
    assert all(channels_of(redis_cluster, node) for node in redis_cluster.nodes)
    for channel in CHANNELS:
        here.broker.keep([(channel, event("kept"), TEN)])
    here.broker.publish([(channel, event("passing")) for channel in CHANNELS])
    for ear in (here, there):
        ear.wait_for(2 * len(CHANNELS))
        assert heard(ear, "kept") == heard(ear, "passing") == set(CHANNELS)


def test_each_primary_has_one_subscriber_of_a_process(
    redis_cluster: RedisClusterProcesses, start: Callable[[RedisClusterProcesses], Ear]
) -> None:
    def subscribers(node: RedisProcess) -> int:
        clients = node.client.client_list()
        return sum(1 for client in clients if int(client.get("ssub", 0)) > 0)

    for node in redis_cluster.nodes:  # those of earlier tests may not be gone yet
        node.client.client_kill_filter(_type="pubsub")
    listen(start(redis_cluster))
    wait_until(lambda: all(map(subscribers, redis_cluster.nodes)))
    assert [subscribers(node) for node in redis_cluster.nodes] == [1] * len(redis_cluster.nodes)


def test_presence_is_one_list_over_all_processes(
    redis_cluster: RedisClusterProcesses, start: Callable[[RedisClusterProcesses], Ear]
) -> None:
    here, there = start(redis_cluster), start(redis_cluster)
    rooms = [f"presence-{n}" for n in range(20)]
    for room in rooms:
        there.broker.subscribe(room)
        here.broker.join(room, "1.1", ANN, 100)
        here.broker.count(room, 1)
    assert all(set(there.broker.users(room)) == {"ann"} for room in rooms)
    there.wait_for(len(rooms))
    wait_until(lambda: there.broker.occupied() == dict.fromkeys(rooms, 1))
    assert sum(here.broker._presence.bury(here.broker._id)) == 20  # type: ignore[attr-defined]
    assert not any(there.broker.users(room) for room in rooms)
    assert there.broker.occupied() == {}


def test_what_changes_while_a_change_is_told_is_told_after_it(
    redis_cluster: RedisClusterProcesses,
    start: Callable[[RedisClusterProcesses], Ear],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ear = start(redis_cluster)
    wait_until(lambda: ear.links == [True])
    listener = ear.broker._listener  # type: ignore[attr-defined]
    up, told = [False], ear.link_changed
    monkeypatch.setattr(ClusterListener, "up", property(lambda self: up[0]))

    def tell_slowly(now: bool) -> None:
        if not now:
            up[0] = True
            back = threading.Thread(target=listener._part_changed)
            back.start()
            back.join()
        told(now)

    monkeypatch.setattr(ear, "link_changed", tell_slowly)
    listener._part_changed()
    assert ear.links == [True, False, True]


def test_a_lost_server_silences_its_own_shards_only_and_till_it_is_back(
    cluster: RedisClusterProcesses, start: Callable[[RedisClusterProcesses], Ear]
) -> None:
    ear = listen(start(cluster))
    lost = cluster.nodes[1]
    lost.kill()
    wait_until(lambda: ear.links == [True, False])
    for channel in set(CHANNELS) - set(channels_of(cluster, lost)):
        wait_until(lambda channel=channel: says(ear, channel, "meanwhile"))  # type: ignore[misc]
    wait_until(lambda: heard(ear, "meanwhile").isdisjoint(channels_of(cluster, lost)))
    lost.start()
    wait_until(lambda: ear.links == [True, False, True])
    for channel in CHANNELS:
        wait_until(lambda channel=channel: says(ear, channel, "again"))  # type: ignore[misc]
    wait_until(lambda: heard(ear, "again") == set(CHANNELS))


def test_a_slot_that_moves_takes_its_channels_along(
    cluster: RedisClusterProcesses, start: Callable[[RedisClusterProcesses], Ear]
) -> None:
    ear = listen(start(cluster))
    source, target = cluster.nodes[0], cluster.nodes[1]
    channel = channels_of(cluster, source)[0]
    assert says(ear, channel, "before")
    cluster.move_slot(KEYS.topic(channel), source, target)
    wait_until(lambda: reaches(ear, channel, "after"))
    (found,) = ear.broker.recover([(channel, None)])
    assert found.position.offset >= 2


def test_a_replica_that_takes_over_is_heard_and_begins_new_epochs(
    tmp_path: Path, start: Callable[[RedisClusterProcesses], Ear]
) -> None:
    cluster = RedisClusterProcesses(tmp_path, replicas=1)
    try:
        ear = listen(start(cluster))
        lost = cluster.nodes[0]
        channel = channels_of(cluster, lost)[0]
        assert says(ear, channel, "before")
        (before,) = ear.broker.recover([(channel, None)])
        lost.kill()
        wait_until(lambda: reaches(ear, channel, "after"))
        (found,) = ear.broker.recover([(channel, before.position)])
        assert not found.complete
        assert found.position.epoch != before.position.epoch
        wait_until(lambda: ear.broker.up)
    finally:
        cluster.stop()


def test_an_event_carries_the_same_over_a_cluster(
    redis_cluster: RedisClusterProcesses, start: Callable[[RedisClusterProcesses], Ear]
) -> None:
    ear = listen(start(redis_cluster))
    sent = Envelope(b'{"event":"a"}', 1.5, "1.2", "a-request")
    ear.broker.publish([(CHANNELS[0], sent)])
    assert ear.wait_for(1) == [(CHANNELS[0], sent)]
