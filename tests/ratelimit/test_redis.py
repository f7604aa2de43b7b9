"""What only a real Redis can show of its store."""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import Any

import pytest
from flask import Flask
from flask import request
from redis.exceptions import ConnectionError

from flask_rf import Limiter
from flask_rf.ratelimit.commands import limits_command
from flask_rf.ratelimit.redis import RedisStore
from flask_rf.ratelimit.store import Claim
from flask_rf.ratelimit.store import Verdict
from tests.parts.redis import RedisProcess
from tests.ratelimit.worlds import claim
from tests.ratelimit.worlds import policy
from tests.ratelimit.worlds import Raw
from tests.ratelimit.worlds import statuses

pytestmark = pytest.mark.usefixtures("redis_server")


@pytest.fixture
def store(redis_server: RedisProcess) -> RedisStore:
    return RedisStore(Raw(redis_server.client))


def test_every_key_expires(store: RedisStore, redis_server: RedisProcess, strategy: str) -> None:
    limit = policy("5/minute", strategy)
    store.take([claim(limit)])

    (key,) = redis_server.client.keys("shop:1:rl:*")

    assert key.decode() == limit.storage_key("ann")
    assert 0 < redis_server.client.pttl(key) <= 120_002


def test_a_key_without_expiry_is_healed(
    store: RedisStore, redis_server: RedisProcess, strategy: str
) -> None:
    limit = policy("1/minute", strategy)
    store.take([claim(limit)])
    redis_server.client.persist(limit.storage_key("ann"))

    assert not store.take([claim(limit)])[0].allowed

    assert 0 < redis_server.client.pttl(limit.storage_key("ann")) <= 120_002


def test_looking_writes_nothing(
    store: RedisStore, redis_server: RedisProcess, strategy: str
) -> None:
    store.take([claim(policy("5/minute", strategy), cost=0)])

    assert redis_server.client.keys("shop:1:rl:*") == []


def test_a_refund_leaves_the_expiry(
    store: RedisStore, redis_server: RedisProcess, strategy: str
) -> None:
    taken = [claim(policy("5/minute", strategy), cost=2), claim(policy("5/minute", strategy))]
    verdicts = [store.take([one])[0] for one in taken]

    store.refund(taken[1:], verdicts[1:])

    assert redis_server.client.pttl(taken[0].key) > 0


def unheard(store: RedisStore, claims: list[Claim], verdicts: list[Verdict]) -> None:
    """Refund, and lose the reply."""
    execute = store._execute

    def lose(*command: Any) -> Any:
        execute(*command)
        raise ConnectionError

    store._execute = lose
    with pytest.raises(ConnectionError):
        store.refund(claims, verdicts)
    store._execute = execute


def test_a_lease_is_ended_again_until_its_end_is_heard_of(
    store: RedisStore, redis_server: RedisProcess
) -> None:
    limit = policy("1/hour", lease=True)
    held = store.take([claim(limit)])
    redis_server.client.rename(limit.storage_key("ann"), "hidden")
    unheard(store, [claim(limit)], held)
    redis_server.client.rename("hidden", limit.storage_key("ann"))

    assert store.take([claim(limit)])[0].allowed


def test_a_refund_that_nobody_heard_of_is_made_once(store: RedisStore, strategy: str) -> None:
    limit = policy("5/hour", strategy, deduct_when=bool)
    taken, other = [claim(limit, cost=2)], [claim(limit, cost=2)]
    verdicts = store.take(taken)
    store.take(other)

    unheard(store, taken, verdicts)

    assert store.take([claim(limit)])[0].remaining == 2


def test_one_round_trip_decides_several_limits(own_redis: RedisProcess) -> None:
    store = RedisStore(Raw(own_redis.client))
    limits = [claim(policy("5/minute", scope=f"s{n}")) for n in range(3)]
    store.take(limits)
    before = own_redis.client.info("commandstats")["cmdstat_evalsha"]["calls"]

    store.take(limits)

    after = own_redis.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert after - before == 1


def test_changing_limit_or_strategy_never_meets_another_type(store: RedisStore) -> None:
    for text in ("5/minute", "6/minute", "5/hour"):
        for strategy in ("sliding-window", "sliding-counter", "fixed-window", "token-bucket"):
            (verdict,) = store.take([claim(policy(text, strategy))])
            assert verdict.allowed


def test_a_host_with_a_fast_clock_admits_no_more(
    store: RedisStore, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = claim(policy("1/hour", strategy))
    store.take([limit])
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 7200)

    assert not store.take([limit])[0].allowed


def test_a_flushed_script_is_sent_again(store: RedisStore, redis_server: RedisProcess) -> None:
    limit = claim(policy("2/minute"))
    remaining = []
    for _ in range(2):
        redis_server.client.script_flush()
        remaining.append(store.take([limit])[0].remaining)

    assert remaining == [1, 0]


def test_exactly_the_limit_is_admitted_to_many_threads(redis_server: RedisProcess) -> None:
    limit, admitted = claim(policy("20/hour")), []

    def ask() -> None:
        store = RedisStore(Raw(redis_server.client))
        admitted.extend(store.take([limit])[0].allowed for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sum(admitted), len(admitted)) == (20, 80)


def test_a_token_bucket_takes_at_most_112_bytes(
    store: RedisStore, redis_server: RedisProcess
) -> None:
    limit = policy("60/minute", "token-bucket", scope="shop.orders.list_of_every_customer")
    clients = [f"2001:db80:85a3:{number:x}::/64" for number in range(0x8D3F, 0x8D3F + 99)]
    for client in clients:
        store.take([claim(limit, client=client)])

    sizes = [redis_server.client.memory_usage(limit.storage_key(client)) for client in clients]

    # The C library's allocator now and then gives more than it is asked for.
    assert median(sizes) <= 112


@pytest.mark.parametrize(
    "key",
    [
        "k" * 60_000,
        "ä€😀" * 9,
        "\u202eann\u0000\r\n\t\x1b[31m",
        "lone \udc80",
        "{ann}",
        "}{ann",
        "a}b{c}",
        "*?[a-z]\\",
        "GET a\r\n$1\r\n",
        " ",
    ],
    ids=ascii,
)
def test_whatever_key_the_outside_gives_is_one_client_like_others(
    app: Flask, redis_server: RedisProcess, key: str
) -> None:
    limiter = Limiter(app, redis_url=redis_server.url)
    given = {"key": key, "other": key + "x", "bare": ""}
    limit = limiter.limit("2/minute", key_func=lambda: given[request.args["of"]])
    app.add_url_rule("/a", "a", limit(lambda: ""))

    assert statuses(app, "/a?of=key", 3) + statuses(app, "/a?of=other", 1) == [200, 200, 429, 200]
    assert statuses(app, "/a?of=bare", 1) == [200]
    stored = redis_server.client.keys("shop:1:rl:*")
    assert len(stored) == 3 and max(map(len, stored)) < 160
    assert b"shop:1:rl:w2/60:a:{127.0.0.1}" in stored  # an empty key is the address
    runner = app.test_cli_runner()
    assert "0 of 2" in runner.invoke(limits_command, ["show", key]).output
    assert "Cleared 1 count of" in runner.invoke(limits_command, ["clear", key]).output
    assert redis_server.client.exists(*stored) == 2
    assert statuses(app, "/a?of=key", 1) == [200]


def test_processes_never_share_a_member(store: RedisStore, redis_server: RedisProcess) -> None:
    other = RedisStore(Raw(redis_server.client))
    limit = claim(policy("5/minute"))

    assert [one.take([limit])[0].remaining for one in (store, other, store)] == [4, 3, 2]
