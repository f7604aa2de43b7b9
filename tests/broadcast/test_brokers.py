"""One contract for both brokers, and what only the one between processes can do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import pytest

import flask_rf.broadcast.redis.life as life
from flask_rf.broadcast.broker import Broker
from flask_rf.broadcast.broker import ChannelFull
from flask_rf.broadcast.broker import NOBODY
from flask_rf.broadcast.broker import Told
from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.memory import MemoryBroker
from flask_rf.broadcast.redis import RedisBroker
from flask_rf.broadcast.session import Member
from flask_rf.errors import RedisUnavailable
from flask_rf.redis import RedisOptions
from flask_rf.redis import RedisServer
from flask_rf.redis.sender import commands_to
from tests.broadcast.ears import Ear
from tests.broadcast.pauses import Pauses
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.parts.sentinel import SentinelProcesses

ANN, BOB = Member("ann", {"name": "Ann"}), Member("bob")


def event(text: str, skip: str = "") -> Envelope:
    return Envelope(json.dumps({"event": text}).encode(), time.time(), skip)


def over(url: str, count_events: bool = False, told: Told = NOBODY, **given: Any) -> RedisBroker:
    options = RedisOptions(url=url, **given)
    commands, listening = commands_to(url, options, 2.0), RedisServer(url, options)
    return RedisBroker(commands, listening, "shop:1:1", count_events, told)


@pytest.fixture
def _short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds; a busy machine may hold a process up for half of one."""
    monkeypatch.setattr(life, "HEARTBEAT", 1.0)
    monkeypatch.setattr(life, "DEAD_AFTER", 3)


@pytest.fixture(params=["memory", "redis", "cluster"])
def ear(request: pytest.FixtureRequest) -> Ear:
    if request.param == "memory":
        broker: Broker = MemoryBroker()
    else:
        server = {"redis": "redis_server", "cluster": "redis_cluster"}[request.param]
        broker = over(request.getfixturevalue(server).url)
    return Ear(broker)


@pytest.fixture
def start(redis_server: RedisProcess) -> Callable[..., Ear]:
    """Starts brokers on one Redis, each as a process of its own would."""
    return lambda count_events=False: Ear(over(redis_server.url, count_events))


def test_the_last_event_of_a_cache_channel_is_kept(ear: Ear) -> None:
    assert ear.broker.remembered("cache-a") is None
    ear.broker.remember("cache-a", b"one")
    ear.broker.remember("cache-a", b"two")
    assert ear.broker.remembered("cache-a") == b"two"
    assert ear.broker.remembered("cache-b") is None


def test_occupied_channels_are_listed_with_their_subscribers(ear: Ear) -> None:
    ear.broker.count("chat", 2), ear.broker.count("news", 1), ear.broker.count("chat-b", 1)
    wait_until(lambda: ear.broker.occupied() == {"chat": 2, "news": 1, "chat-b": 1})
    assert ear.broker.occupied("chat") == {"chat": 2, "chat-b": 1}
    ear.broker.count("chat", 0)
    wait_until(lambda: ear.broker.occupied() == {"news": 1, "chat-b": 1})


def test_users_of_a_presence_channel_are_listed_once(ear: Ear) -> None:
    for socket_id, member in (("1.1", ANN), ("1.2", ANN), ("2.1", BOB)):
        ear.broker.join("presence-a", socket_id, member, 100)
    assert set(ear.broker.users("presence-a")) == {"ann", "bob"}
    assert set(ear.broker.users("presence-b")) == set()


def test_a_full_channel_takes_no_new_user_but_those_it_has(ear: Ear) -> None:
    ear.broker.join("presence-a", "1.1", ANN, 1)
    with pytest.raises(ChannelFull):
        ear.broker.join("presence-a", "2.1", BOB, 1)
    assert set(ear.broker.join("presence-a", "1.2", ANN, 1)) == {"ann"}


def test_who_is_online_is_known_by_sign_in(ear: Ear) -> None:
    ear.broker.subscribe("#online-ann")
    ear.broker.join("#online-ann", "1.1", ANN, 100)
    assert ear.broker.online(["bob", "ann"]) == ["ann"]
    ear.broker.leave("#online-ann", "1.1", "ann")
    assert ear.broker.online(["bob", "ann"]) == []
    ear.wait_for(2)
    told = [json.loads(json.loads(e.payload)["data"])["events"][0] for _, e in ear.events]
    assert told == [
        {"name": "online", "user_ids": ["ann"]},
        {"name": "offline", "user_ids": ["ann"]},
    ]


def test_what_is_published_comes_back_in_order_and_whole(ear: Ear) -> None:
    ear.broker.subscribe("chat")
    sent = [event(str(n), skip="1.1") for n in range(50)]
    for envelope in sent:
        ear.broker.publish([("chat", envelope)])
    assert ear.wait_for(50) == [("chat", envelope) for envelope in sent]


def test_one_call_publishes_to_several_channels(ear: Ear) -> None:
    ear.broker.subscribe("a"), ear.broker.subscribe("b")
    ear.broker.publish([("a", event("x")), ("b", event("x"))])
    assert [channel for channel, _ in ear.wait_for(2)] == ["a", "b"]


def test_joining_tells_who_is_there_and_leaving_ends_it(ear: Ear) -> None:
    assert ear.broker.join("presence-a", "1.1", ANN, 100) == {"ann": {"name": "Ann"}}
    assert dict(ear.broker.join("presence-a", "2.2", BOB, 100)) == {"ann": ANN.info, "bob": None}
    ear.broker.leave("presence-a", "1.1", "ann")
    assert ear.broker.join("presence-a", "3.3", BOB, 100) == {"bob": None}


def test_a_user_is_announced_with_the_first_socket_and_gone_with_the_last(ear: Ear) -> None:
    ear.broker.subscribe("presence-a")
    ear.broker.join("presence-a", "1.1", ANN, 100)
    ear.broker.join("presence-a", "1.2", ANN, 100)
    ear.broker.leave("presence-a", "1.1", "ann")
    ear.broker.leave("presence-a", "1.2", "ann")
    ear.broker.publish([("presence-a", event("end"))])
    ear.wait_for(3)
    assert ear.names() == [
        "pusher_internal:member_added",
        "pusher_internal:member_removed",
        "end",
    ]
    added, removed, _ = (envelope for _, envelope in ear.events)
    assert (added.skip, removed.skip) == ("1.1", "1.2")
    assert json.loads(json.loads(added.payload)["data"]) == {
        "user_id": "ann",
        "user_info": {"name": "Ann"},
    }
    assert json.loads(json.loads(removed.payload)["data"]) == {"user_id": "ann"}


@pytest.mark.parametrize("kind", ["memory", "redis", "cluster"])
def test_who_makes_a_change_is_told_of_it(kind: str, request: pytest.FixtureRequest) -> None:
    told: list[tuple[str, str, str]] = []
    observer = Told(
        joined=lambda channel, user: told.append(("joined", channel, user)),
        left=lambda channel, user: told.append(("left", channel, user)),
    )
    broker: Broker = MemoryBroker(told=observer)
    if kind != "memory":
        server = {"redis": "redis_server", "cluster": "redis_cluster"}[kind]
        broker = over(request.getfixturevalue(server).url, told=observer)
    broker.join("presence-a", "1.1", ANN, 100), broker.join("presence-a", "1.2", ANN, 100)
    broker.leave("presence-a", "1.1", "ann"), broker.leave("presence-a", "1.2", "ann")
    broker.leave("presence-a", "1.2", "ann")
    assert told == [("joined", "presence-a", "ann"), ("left", "presence-a", "ann")]
    broker.stop()


def test_joining_or_leaving_twice_changes_nothing(ear: Ear) -> None:
    ear.broker.subscribe("presence-a")
    for _ in range(2):
        ear.broker.join("presence-a", "1.1", ANN, 100)
    for _ in range(2):
        ear.broker.leave("presence-a", "1.1", "ann")
    ear.broker.publish([("presence-a", event("end"))])
    assert len(ear.wait_for(3)) == 3


def test_redis_carries_events_to_every_process(start: Callable[..., Ear]) -> None:
    here, there = start(), start()
    for ear in (here, there):
        ear.broker.subscribe("chat")
    here.broker.publish([("chat", event("hi"))])
    assert here.wait_for(1) == there.wait_for(1)


def test_presence_is_one_list_over_all_processes(start: Callable[..., Ear]) -> None:
    here, there = start(), start()
    here.broker.join("presence-a", "1.1", ANN, 100)
    assert set(there.broker.join("presence-a", "2.2", BOB, 100)) == {"ann", "bob"}


def test_subscribers_are_counted_over_all_processes_and_told_how_many_they_are(
    redis_server: RedisProcess,
) -> None:
    here, there = (Ear(over(redis_server.url, count_events=True)) for _ in range(2))
    for ear in (here, there):
        ear.broker.subscribe("chat"), ear.broker.subscribe("presence-a")
        ear.broker.count("chat", 1), ear.broker.count("presence-a", 1)
    wait_until(lambda: here.broker.occupied() == {"chat": 2, "presence-a": 2})
    wait_until(lambda: here.events != [] and _told_count(here) == 2)
    assert {channel for channel, _ in here.events} == {"chat"}


def _told_count(ear: Ear) -> int:
    count: int = json.loads(json.loads(ear.events[-1][1].payload)["data"])["subscription_count"]
    return count


@pytest.mark.usefixtures("_short_lives")
@pytest.mark.parametrize("count_events", [False, True])
def test_the_counts_of_a_dead_process_expire(start: Callable[..., Ear], count_events: bool) -> None:
    living, victim = start(count_events), start(count_events)
    for name in ("chat", "presence-a"):
        living.broker.subscribe(name)
        living.broker.count(name, 1), victim.broker.count(name, 5)
    wait_until(lambda: living.broker.occupied() == {"chat": 6, "presence-a": 6})
    told_before = 2 if count_events else 0
    wait_until(lambda: len(living.events) == told_before)
    victim.crash()
    wait_until(lambda: living.broker.occupied() == {"chat": 1, "presence-a": 1})
    living.broker.publish([("chat", event("last"))])
    wait_until(lambda: "last" in living.names())
    told = [channel for channel, _ in living.events[told_before:-1]]
    assert told == (["chat"] if count_events else [])


def test_nothing_is_left_in_redis_once_everybody_has_left(
    start: Callable[..., Ear], redis_server: RedisProcess
) -> None:
    ear, last = start(), start()
    ear.broker.join("presence-a", "1.1", ANN, 100)
    ear.broker.leave("presence-a", "1.1", "ann")
    ear.broker.stop(), last.broker.stop()
    assert redis_server.client.keys("{shop:1:1}*") == []


def test_a_server_that_stops_takes_along_whoever_is_on_it_still(
    start: Callable[..., Ear], redis_server: RedisProcess
) -> None:
    stopping, living = start(), start()
    living.broker.subscribe("presence-a")
    stopping.broker.join("presence-a", "1.1", ANN, 100)
    stopping.broker.count("presence-a", 1)
    wait_until(lambda: living.broker.occupied() == {"presence-a": 1})
    stopping.broker.stop()
    assert (set(living.broker.users("presence-a")), living.broker.occupied()) == (set(), {})
    wait_until(lambda: living.names().count("pusher_internal:member_removed") == 1)
    assert redis_server.client.zcard("{shop:1:1}:presence:servers") == 1


def test_an_unused_subscription_is_given_up_after_a_while(
    start: Callable[..., Ear], redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_rf.broadcast.redis.listener._LINGER", 0.0)
    ear = start()
    ear.broker.subscribe("chat")
    assert redis_server.client.pubsub_channels("*chat") != []
    ear.broker.unsubscribe("chat")
    wait_until(lambda: redis_server.client.pubsub_channels("*chat") == [])


def test_a_subscription_taken_up_again_is_kept(start: Callable[..., Ear]) -> None:
    ear = start()
    ear.broker.subscribe("chat")
    ear.broker.unsubscribe("chat")
    ear.broker.subscribe("chat")
    ear.broker.publish([("chat", event("hi"))])
    ear.wait_for(1)


@pytest.mark.usefixtures("_short_lives")
def test_the_members_of_a_dead_process_are_announced_as_gone_once(
    start: Callable[..., Ear],
) -> None:
    watchers, victim = [start(), start()], start()
    for ear in watchers:
        ear.broker.subscribe("presence-a")
    victim.broker.join("presence-a", "1.1", ANN, 100)
    victim.broker.join("presence-a", "1.2", BOB, 100)
    watchers[0].broker.join("presence-a", "2.2", BOB, 100)
    victim.crash()
    for ear in watchers:
        wait_until(lambda ear=ear: "pusher_internal:member_removed" in ear.names())  # type: ignore[misc]
    for ear in watchers:  # whichever has found it dead a moment later
        list(ear.broker._presence.bury(victim.broker._id))  # type: ignore[attr-defined]
    watchers[0].broker.publish([("presence-a", event("last"))])
    for ear in watchers:
        wait_until(lambda ear=ear: "last" in ear.names())  # type: ignore[misc]
        assert ear.names().count("pusher_internal:member_removed") == 1
    assert watchers[0].broker.join("presence-a", "2.2", BOB, 100) == {"bob": None}


def test_a_process_is_known_to_others_before_it_has_members(
    start: Callable[..., Ear], redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_life = life._HEARTBEAT.run
    slowly = lambda *arguments: time.sleep(0.2) or show_life(*arguments)  # noqa: E731
    monkeypatch.setattr(life._HEARTBEAT, "run", slowly)
    start()
    assert redis_server.client.zcard("{shop:1:1}:presence:servers") == 1


def test_a_process_that_redis_has_forgotten_is_known_before_its_members_are_again(
    own_redis: RedisProcess,
) -> None:
    broker = over(own_redis.url)
    Ear(broker)
    broker.count("chat", 3)
    wait_until(lambda: broker.occupied() == {"chat": 3})
    own_redis.client.flushall()
    broker.introduce()
    assert own_redis.client.zcard("{shop:1:1}:presence:servers") == 1
    wait_until(lambda: broker.occupied() == {"chat": 3}, what="the counts, too")


def test_after_an_outage_nobody_is_taken_for_dead_at_once(
    start: Callable[..., Ear], redis_server: RedisProcess
) -> None:
    ear, other = start(), start()
    ear.broker.subscribe("presence-a")
    other.broker.join("presence-a", "1.1", ANN, 100)
    servers = "{shop:1:1}:presence:servers"
    wait_until(lambda: redis_server.client.zcard(servers) == 2)
    long_ago = time.time() - 60
    known = redis_server.client.zrange(servers, 0, -1)
    redis_server.client.zadd(servers, dict.fromkeys(known, long_ago))

    late = start()  # its first sign of life is the first after the outage

    wait_until(lambda: redis_server.client.zcard(servers) == 3)
    assert (
        min(score for _, score in redis_server.client.zrange(servers, 0, -1, withscores=True))
        > long_ago
    )
    assert set(late.broker.users("presence-a")) == {"ann"}
    assert "pusher_internal:member_removed" not in ear.names()


def test_a_message_of_another_version_is_ignored(
    start: Callable[..., Ear], redis_server: RedisProcess
) -> None:
    ear = start()
    ear.broker.subscribe("chat")
    redis_server.client.publish("{shop:1:1}:events:chat", b"\x07nonsense")
    ear.broker.publish([("chat", event("hi"))])
    assert len(ear.wait_for(1)) == 1


class Clumsy(Ear):
    failures = 0

    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        if b"bad" in burst[0][1].payload:
            self.failures += 1
            raise RuntimeError("a bug")
        super().deliver(burst)


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_an_error_in_delivery_does_not_end_the_listening(
    kind: str, request: pytest.FixtureRequest
) -> None:
    url = kind == "redis" and request.getfixturevalue("redis_server").url
    ear = Clumsy(over(url) if url else MemoryBroker())
    ear.broker.subscribe("chat")
    ear.broker.publish([("chat", event("bad"))])
    wait_until(lambda: ear.failures)
    ear.broker.publish([("chat", event("good"))])
    ear.wait_for(1)


def test_a_dead_redis_is_said_at_once_and_looked_for_every_second(
    own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear(over(own_redis.url))
    ear.broker.subscribe("chat")
    pauses = Pauses(lambda: time.sleep(0.01))
    monkeypatch.setattr(ear.broker._listener, "_stopped", pauses)  # type: ignore[attr-defined]
    assert ear.broker.up
    own_redis.kill()
    wait_until(lambda: ear.links == [True, False])
    began = time.monotonic()
    with pytest.raises(RedisUnavailable):
        ear.broker.publish([("chat", event("lost"))])
    with pytest.raises(RedisUnavailable):
        ear.broker.join("presence-a", "1.1", ANN, 100)
    ear.broker.subscribe("news")
    assert time.monotonic() - began < 5
    wait_until(lambda: len(pauses.seconds) >= 10)
    own_redis.start()
    wait_until(lambda: ear.links == [True, False, True])
    assert max(pauses.seconds) <= 1
    for channel in ("chat", "news"):
        ear.broker.publish([(channel, event(channel))])
    assert [channel for channel, _ in ear.wait_for(2)] == ["chat", "news"]


def test_however_often_redis_was_lost_it_is_found_again(own_redis: RedisProcess) -> None:
    ear = Ear(over(own_redis.url, max_connections=1))
    ear.broker.subscribe("chat")
    for losses in range(1, 4):
        own_redis.restart()
        wait_until(lambda: ear.links == [True] + losses * [False, True])  # noqa: B023


def test_a_silent_redis_counts_as_lost(
    own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_rf.broadcast.redis.listener._PING_AFTER", 0.5)
    monkeypatch.setattr("flask_rf.broadcast.redis.listener._DEAD_AFTER", 1.5)
    ear = Ear(over(own_redis.url))
    own_redis.pause()
    wait_until(lambda: ear.links[:2] == [True, False])
    own_redis.resume()
    wait_until(lambda: ear.links[:3] == [True, False, True])


def test_a_connection_that_hears_nothing_though_redis_answers_is_replaced(
    redis_server: RedisProcess, own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "HEARTBEAT", 0.2)
    for name, seconds in {"_TICK": 0.1, "_PING_AFTER": 0.2, "_DEAD_AFTER": 1.0}.items():
        monkeypatch.setattr(f"flask_rf.broadcast.redis.listener.{name}", seconds)
    options = RedisOptions()
    former = RedisServer(own_redis.url, options)
    ear = Ear(RedisBroker(commands_to(redis_server.url, options, 2.0), former, "shop:1:1"))
    wait_until(lambda: ear.links[:3] == [True, False, True])


def test_a_connection_that_hears_is_kept(
    start: Callable[..., Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "HEARTBEAT", 0.2)
    ear = start()
    listener: Any = ear.broker._listener  # type: ignore[attr-defined]
    heard = {listener._probe_heard}
    wait_until(lambda: heard.add(listener._probe_heard) or len(heard) > 5)
    assert ear.links == [True]
    assert ear.events == []


def test_after_a_fail_over_the_new_primary_is_heard(sentinel: SentinelProcesses) -> None:
    here, there = Ear(over(sentinel.url)), Ear(over(sentinel.url))
    for ear in (here, there):
        ear.broker.subscribe("chat")
    sentinel.primary.kill()
    wait_until(lambda: False in here.links and False in there.links)
    sentinel.wait_for_replacement()
    wait_until(lambda: here.links[-1] is there.links[-1] is True)
    wait_until(lambda: published(here, "after"))
    assert there.wait_for(1)[0][0] == "chat"


def published(ear: Ear, text: str) -> bool:
    try:
        ear.broker.publish([("chat", event(text))])
    except RedisUnavailable:
        return False
    return True


class SlowEar(Ear):
    """Takes in nothing further until told to."""

    def __init__(self, broker: Broker) -> None:
        self.ready = threading.Event()
        super().__init__(broker)

    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        super().deliver(burst)
        self.ready.wait(20)


def test_what_arrived_before_the_connection_ended_is_delivered(own_redis: RedisProcess) -> None:
    broker = over(own_redis.url)
    ear = SlowEar(broker)
    broker.subscribe("news")
    broker.publish([("news", event("one"))])
    ear.wait_for(1)
    broker.publish([("news", event("two"))])
    own_redis.client.client_kill_filter(_type="pubsub")
    ear.ready.set()

    ear.wait_for(2)


def test_a_long_outage_piles_up_no_subscriptions(
    own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_rf.broadcast.redis.listener._LINGER", 0.0)
    broker = over(own_redis.url)
    ear = Ear(broker)
    own_redis.kill()
    wait_until(lambda: ear.links[-1:] == [False])
    for n in range(100):
        broker.subscribe(f"news-{n}")
        broker.unsubscribe(f"news-{n}")
    listener: Any = broker._listener

    wait_until(lambda: len(listener._confirmed) == 1, what="only the probe's topic to be left")


class Faulty(Ear):
    """Fails in ways that nobody foresaw."""

    def __init__(self, broker: Broker) -> None:
        self.failures = 0
        super().__init__(broker)

    def catch_up(self, concerns: Callable[[str], bool]) -> None:
        self._fail_at_first()

    def state_anew(self) -> None:
        self._fail_at_first()

    def _fail_at_first(self) -> None:
        self.failures += 1
        if self.failures == 1:
            raise ValueError("something unreadable")


def test_a_listener_outlives_what_nobody_foresaw(redis_server: RedisProcess) -> None:
    broker = over(redis_server.url)
    ear = Faulty(broker)

    wait_until(lambda: ear.links[-1:] == [True], what="another attempt")
    assert ear.failures == 2


def test_a_server_goes_on_giving_signs_of_life_after_what_nobody_foresaw(
    own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "HEARTBEAT", 0.2)
    broker = over(own_redis.url)
    ear = Faulty(broker)
    wait_until(lambda: ear.links[-1:] == [True])
    ear.failures = 0

    def is_known_anew() -> bool:
        own_redis.client.flushall()
        return ear.failures >= 2

    wait_until(is_known_anew, what="a sign of life after one that failed")
