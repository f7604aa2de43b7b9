from __future__ import annotations

import threading

import pytest

from flask_rf.ratelimit.memory import MemoryStore
from tests.ratelimit.worlds import claim
from tests.ratelimit.worlds import MemoryWorld
from tests.ratelimit.worlds import policy
from tests.ratelimit.worlds import SECOND


def test_exactly_the_limit_is_admitted_to_many_threads(strategy: str) -> None:
    store, admitted = MemoryStore(clock=lambda: 0), []
    limit = claim(policy("500/hour", strategy))

    def ask() -> None:
        admitted.extend(store.take([limit])[0].allowed for _ in range(100))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sum(admitted), len(admitted)) == (500, 2000)


def test_beyond_its_capacity_the_least_recently_used_key_goes() -> None:
    store, limit = MemoryStore(capacity=3), policy("1/hour")
    for name in ("ann", "bob", "eve"):
        store.take([claim(limit, client=name)])
    store.refund([claim(limit, client="ann")], store.take([claim(limit, cost=0, client="ann")]))

    store.take([claim(limit, client="zoe")])

    clients = [key.partition("{")[2].rstrip("}") for key in store.keys("shop:1:rl")]
    assert (len(store), clients) == (3, ["bob", "eve", "zoe"])


def test_a_key_in_use_outlives_those_that_are_not() -> None:
    store, limit = MemoryStore(capacity=2), policy("9/hour")
    for name in ("ann", "bob", "ann", "eve"):
        store.take([claim(limit, client=name)])

    assert store.take([claim(limit, client="ann")])[0].remaining == 6


def test_expired_keys_go_two_by_two_as_new_ones_come(strategy: str) -> None:
    world, limit = MemoryWorld(), policy("1/second", strategy)
    for n in range(1000):
        world.hit(limit, client=f"old-{n}")
    world.advance(10 * SECOND)

    sizes = []
    for n in range(600):
        world.hit(limit, client=f"new-{n}")
        sizes.append(len(world.store))  # type: ignore[arg-type]

    assert max(before - after for before, after in zip([1001, *sizes], sizes, strict=False)) <= 2
    assert sizes[-1] == 600


def test_no_thread_is_started() -> None:
    before = set(threading.enumerate())

    MemoryStore().take([claim(policy("1/second"))])

    assert set(threading.enumerate()) <= before


def test_looking_keeps_nothing(strategy: str) -> None:
    world = MemoryWorld()

    world.hit(policy("1/minute", strategy), cost=0)

    assert len(world.store) == 0  # type: ignore[arg-type]


def test_keys_are_listed_while_they_count() -> None:
    world, limit = MemoryWorld(), policy("1/minute")
    world.hit(limit, client="ann")
    world.hit(limit, client="bob")

    assert world.store.keys("shop:1:rl", "{bob}") == [limit.storage_key("bob")]
    assert world.store.keys("other") == []
    world.advance(60 * SECOND)
    assert world.store.keys("shop:1:rl") == []


@pytest.mark.parametrize("late", ["refund", "clear"])
def test_a_key_that_is_gone_may_be_refunded_or_cleared(late: str) -> None:
    store, one = MemoryStore(), claim(policy("1/minute"))
    verdicts = store.take([one])
    store.clear([one.key])

    if late == "refund":
        store.refund([one], verdicts)
    else:
        store.clear([one.key])

    assert len(store) == 0
