"""One contract for the histories of both brokers, and what only a real Redis can show."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from flask_rf.broadcast.broker import Broker
from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.history import History
from flask_rf.broadcast.history import Position
from flask_rf.broadcast.history import Recovered
from flask_rf.broadcast.memory import MemoryBroker
from flask_rf.broadcast.memory_histories import MemoryHistories
from flask_rf.broadcast.redis.histories import RedisHistories
from flask_rf.broadcast.redis.keys import Keyspace
from flask_rf.errors import RedisUnavailable
from flask_rf.redis import RedisOptions
from flask_rf.redis.sender import commands_to
from tests.broadcast.ears import Ear
from tests.broadcast.test_brokers import event
from tests.broadcast.test_brokers import over
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.parts.sentinel import SentinelProcesses

TEN = History(10, 60)
POSITION, STREAM = Keyspace("shop:1:1").history("chat")


@pytest.fixture(params=["memory", "redis", "cluster"])
def ear(request: pytest.FixtureRequest) -> Ear:
    if request.param == "memory":
        broker: Broker = MemoryBroker()
    else:
        server = {"redis": "redis_server", "cluster": "redis_cluster"}[request.param]
        broker = over(request.getfixturevalue(server).url)
    ear = Ear(broker)
    ear.broker.subscribe("chat")
    return ear


def keep(broker: Broker, *texts: str, history: History = TEN, channel: str = "chat") -> None:
    for text in texts:
        broker.keep([(channel, event(text), history)])


def since(broker: Broker, position: Position | None, channel: str = "chat") -> Recovered:
    (found,) = broker.recover([(channel, position)])
    return found


def texts(found: Recovered) -> list[str]:
    return [json.loads(envelope.payload)["event"] for envelope in found.events]


def test_an_event_is_published_with_its_place(ear: Ear) -> None:
    start = since(ear.broker, None).position
    keep(ear.broker, "a", "b")
    (_, a), (_, b) = ear.wait_for(2)
    assert (a.epoch, a.offset, b.epoch, b.offset) == (start.epoch, 1, start.epoch, 2)
    assert json.loads(b.payload) == {"event": "b", "epoch": start.epoch, "offset": 2}


def test_an_envelope_keeps_all_it_carries(ear: Ear) -> None:
    sent = Envelope(b'{"event":"a"}', 1.5, "1.2", "a-request")
    ear.broker.keep([("chat", sent, TEN)])
    ((_, got),) = ear.wait_for(1)
    assert (got.sent, got.skip, got.request_id) == (1.5, "1.2", "a-request")


def test_what_came_since_is_told_whole_and_in_order(ear: Ear) -> None:
    start = since(ear.broker, None).position
    keep(ear.broker, *"abc")
    found = since(ear.broker, Position(start.epoch, 1))
    assert (found.complete, texts(found)) == (True, ["b", "c"])
    assert found.position == Position(start.epoch, 3)
    assert list(found.events) == [envelope for _, envelope in ear.wait_for(3)][1:]


def test_who_has_heard_all_is_told_nothing(ear: Ear) -> None:
    keep(ear.broker, "a")
    position = since(ear.broker, None).position
    assert since(ear.broker, position) == Recovered(position, True, [])


def test_a_position_of_another_epoch_or_none_is_never_complete(ear: Ear) -> None:
    keep(ear.broker, "a")
    for position in (None, Position("other", 1), Position("other", 0)):
        found = since(ear.broker, position)
        assert (found.complete, found.events, found.position.offset) == (False, (), 1)


def test_what_was_trimmed_is_not_made_up(ear: Ear) -> None:
    small = History(2, 60)
    start = since(ear.broker, None).position
    # a stream is trimmed by whole nodes, of a hundred entries
    keep(ear.broker, *(str(n) for n in range(300)), history=small)
    assert not since(ear.broker, Position(start.epoch, 10)).complete
    assert texts(since(ear.broker, Position(start.epoch, 298))) == ["298", "299"]


def test_channels_have_histories_of_their_own(ear: Ear) -> None:
    keep(ear.broker, "a"), keep(ear.broker, "b", channel="news")
    chat, news = ear.broker.recover([("chat", None), ("news", None)])
    assert (chat.position.offset, news.position.offset) == (1, 1)
    assert chat.position.epoch != news.position.epoch


def test_several_events_of_one_call_are_kept(ear: Ear) -> None:
    ear.broker.keep([("chat", event("a"), TEN), ("news", event("a"), TEN)])
    found = ear.broker.recover([("chat", None), ("news", None)])
    assert [one.position.offset for one in found] == [1, 1]


def test_events_of_many_threads_have_a_place_each(ear: Ear) -> None:
    start = since(ear.broker, None).position
    threads = [
        threading.Thread(target=keep, args=(ear.broker, *(f"{n}-{i}" for i in range(10))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    offsets = [envelope.offset for _, envelope in ear.wait_for(80)]
    assert offsets == list(range(1, 81))
    assert since(ear.broker, Position(start.epoch, 80)).complete


def test_events_expire_but_not_the_position(redis_server: RedisProcess) -> None:
    now = [0.0]
    memory = MemoryHistories(clock=lambda: now[0])
    for _ in range(2):
        memory.add("chat", event("a"), History(10, 60))
    stands = memory.since("chat", None).position
    now[0] = 61
    assert not memory.since("chat", Position(stands.epoch, 1)).complete
    assert memory.since("chat", stands).complete

    broker = over(redis_server.url)
    keep(broker, "a", "a")
    assert 0 < redis_server.client.ttl(STREAM) <= 60
    assert 60 < redis_server.client.ttl(POSITION) <= 86_460
    stands = since(broker, None).position
    redis_server.client.delete(STREAM)
    assert not since(broker, Position(stands.epoch, 1)).complete
    assert since(broker, stands).complete
    broker.stop()


def test_memory_forgets_the_channel_not_used_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_rf.broadcast.memory_histories._CHANNELS", 2)
    memory = MemoryHistories()
    first = memory.add("a", event("x"), TEN)
    for channel in "bc":
        memory.add(channel, event("x"), TEN)
    assert memory.since("a", None).position.epoch != first.epoch


# --- Redis ---


@pytest.fixture
def broker(redis_server: RedisProcess) -> Iterator[Broker]:
    broker = over(redis_server.url)
    yield broker
    broker.stop()


def test_every_key_of_a_history_expires(broker: Broker, redis_server: RedisProcess) -> None:
    keep(broker, "a"), since(broker, None, "news")
    keys = redis_server.client.keys("{shop:1:1}*")
    assert len(keys) == 4  # position, stream and the mark of the event; a position
    assert all(redis_server.client.ttl(key) > 0 for key in keys)


def test_a_forgotten_script_is_sent_again(broker: Broker, redis_server: RedisProcess) -> None:
    keep(broker, "a")
    redis_server.client.script_flush()
    keep(broker, "b")
    assert since(broker, None).position.offset == 2


def test_a_lost_history_begins_a_new_epoch(broker: Broker, redis_server: RedisProcess) -> None:
    keep(broker, "a")
    before = since(broker, None).position
    redis_server.client.flushall()
    keep(broker, "b")
    found = since(broker, before)
    assert not found.complete
    assert found.position.epoch != before.epoch


def test_who_has_heard_more_than_there_is_ends_the_epoch(broker: Broker) -> None:
    keep(broker, "a")
    before = since(broker, None).position
    found = since(broker, Position(before.epoch, 2))
    assert not found.complete
    assert found.position.epoch != before.epoch
    assert not since(broker, before).complete


def test_a_dead_redis_is_an_error(own_redis: RedisProcess) -> None:
    broker = over(own_redis.url)
    own_redis.kill()
    with pytest.raises(RedisUnavailable):
        keep(broker, "a")
    with pytest.raises(RedisUnavailable):
        since(broker, None)
    broker.stop()


def histories(url: str) -> RedisHistories:
    commands = commands_to(url, RedisOptions(url=url), 1.0)
    return RedisHistories(commands, Keyspace("shop:1:1"), "PUBLISH")


def test_an_event_whose_answer_was_late_is_kept_once(
    own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = histories(own_redis.url)
    kept.add([("chat", event("a"), TEN)])
    ask, asked = kept._commands.execute_each, count(1)

    def find_it_slow(commands: Sequence[Any]) -> list[Any]:
        # The first attempt waits in the server's socket; the second finds it done, or does it.
        own_redis.pause() if next(asked) == 1 else own_redis.resume()
        return ask(commands)

    monkeypatch.setattr(kept._commands, "execute_each", find_it_slow)
    kept.add([("chat", event("b"), TEN)])
    assert next(asked) == 3
    (found,) = kept.since([("chat", None)])
    assert found.position.offset == 2


def test_the_same_event_said_twice_is_kept_once(
    redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = histories(redis_server.url)
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: "the-same")
    for _ in range(2):
        kept.add([("chat", event("a"), TEN)])
    (found,) = kept.since([("chat", None)])
    assert found.position.offset == 1


def restarted(folder: Path, *options: str) -> Iterator[RedisProcess]:
    server = RedisProcess(folder, *options)
    yield server
    server.stop()


@pytest.fixture
def redis_with_aof(tmp_path: Path) -> Iterator[RedisProcess]:
    yield from restarted(tmp_path, "--appendonly", "yes", "--appendfsync", "always")


def test_a_restart_with_all_it_had_goes_on_in_the_same_epoch(redis_with_aof: RedisProcess) -> None:
    broker = over(redis_with_aof.url)
    keep(broker, "a", "b")
    before = since(broker, None).position
    redis_with_aof.restart()
    keep(broker, "c")
    found = since(broker, before)
    assert (found.complete, texts(found)) == (True, ["c"])
    broker.stop()


def test_a_position_outlives_its_history_though_the_server_starts_again(
    redis_with_aof: RedisProcess,
) -> None:
    week = History(10, 7 * 86_400)
    histories(redis_with_aof.url).add([("chat", event("a"), week)])
    redis_with_aof.restart()
    kept = histories(redis_with_aof.url)
    (found,) = kept.since([("chat", None)])
    assert found.position.offset == 1
    left = {key: redis_with_aof.client.ttl(key) for key in redis_with_aof.client.keys("*:chat")}
    assert len(left) == 2
    assert min(left.values()) > 6 * 86_400


def test_a_restart_from_an_older_state_begins_a_new_epoch(own_redis: RedisProcess) -> None:
    broker = over(own_redis.url)
    keep(broker, "a", "b")
    own_redis.client.save()
    before = since(broker, None).position
    keep(broker, "c")  # acknowledged, and lost
    own_redis.restart()
    assert own_redis.client.exists(STREAM)
    keep(broker, "d")
    found = since(broker, before)
    assert not found.complete
    assert found.position.epoch != before.epoch
    broker.stop()


def test_a_fail_over_begins_a_new_epoch(sentinel: SentinelProcesses) -> None:
    broker = over(sentinel.url)
    keep(broker, "a")
    before = since(broker, None).position
    wait_until(lambda: sentinel.replica.client.exists(STREAM))  # nothing is lost, but who knows
    sentinel.primary.kill()
    sentinel.wait_for_replacement()
    wait_until(lambda: _is_kept(broker, "b"))
    found = since(broker, before)
    assert not found.complete
    assert found.position.epoch != before.epoch
    broker.stop()


def _is_kept(broker: Broker, text: str) -> bool:
    try:
        keep(broker, text)
    except RedisUnavailable:
        return False
    return True
