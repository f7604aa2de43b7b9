"""What every store promises, in memory and in Redis."""

from __future__ import annotations

import fakeredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.ratelimit.policy import LETTERS
from flask_rf.ratelimit.store import Verdict
from tests.ratelimit.worlds import claim
from tests.ratelimit.worlds import MemoryWorld
from tests.ratelimit.worlds import policy
from tests.ratelimit.worlds import RedisWorld
from tests.ratelimit.worlds import SECOND
from tests.ratelimit.worlds import stop_the_clock
from tests.ratelimit.worlds import World


def test_exactly_as_many_as_the_limit_says_are_admitted(world: World, strategy: str) -> None:
    limit = policy("5/minute", strategy)

    verdicts = [world.hit(limit) for _ in range(7)]

    assert [v.allowed for v in verdicts] == [True] * 5 + [False] * 2
    assert [v.remaining for v in verdicts] == [4, 3, 2, 1, 0, 0, 0]


def test_a_denied_claim_fits_when_its_verdict_says_and_not_before(
    world: World, strategy: str
) -> None:
    limit = policy("3/minute", strategy)
    for pause in (0, 7 * SECOND, 11 * SECOND):
        world.advance(pause)
        assert world.hit(limit).allowed
    world.advance(SECOND)

    denied = world.hit(limit)
    world.advance(denied.retry - 1)
    early = world.hit(limit)
    world.advance(early.retry)

    assert not denied.allowed
    assert not early.allowed
    assert early.retry == 1
    assert world.hit(limit).allowed


def test_rejected_claims_are_not_counted(world: World, strategy: str) -> None:
    limit = policy("2/minute", strategy)
    denied = [world.hit(limit) for _ in range(50)][-1]

    world.advance(denied.retry)

    assert world.hit(limit).allowed


def test_a_denial_by_one_limit_consumes_no_other(world: World, strategy: str) -> None:
    narrow = policy("1/minute", strategy)
    shared = policy("10/minute", strategy, scope="all")
    world.take(claim(narrow), claim(shared))

    for _ in range(5):
        first, second = world.take(claim(narrow), claim(shared))
        assert (first.allowed, second.allowed, second.remaining) == (False, True, 9)

    assert world.hit(shared).remaining == 8


def test_order_of_the_limits_makes_no_difference(world: World) -> None:
    narrow = policy("1/minute")
    shared = policy("10/minute", "token-bucket", scope="all")
    world.take(claim(shared), claim(narrow))

    world.take(claim(shared), claim(narrow))

    assert world.hit(shared).remaining == 8


def test_a_shadow_limit_denies_nothing_and_counts_only_what_fits(
    world: World, strategy: str
) -> None:
    shadow = policy("1/minute", strategy, shadow=True)
    limit = policy("10/minute", strategy, scope="all")

    verdicts = [world.take(claim(shadow), claim(limit)) for _ in range(3)]

    assert [v[0].allowed for v in verdicts] == [True, False, False]
    assert [v[1].remaining for v in verdicts] == [9, 8, 7]


def test_two_hits_in_one_microsecond_are_two(world: World, strategy: str) -> None:
    limit = policy("5/minute", strategy)

    world.hit(limit)

    assert world.hit(limit).remaining == 3


def test_a_cost_takes_so_many_units_or_none(world: World, strategy: str) -> None:
    limit = policy("5/minute", strategy)

    assert world.hit(limit, cost=3).remaining == 2
    assert not world.hit(limit, cost=3).allowed
    assert world.hit(limit, cost=2).remaining == 0


def test_a_cost_of_nothing_only_looks(world: World, strategy: str) -> None:
    limit = policy("1/minute", strategy)
    assert [world.hit(limit, cost=0).remaining for _ in range(2)] == [1, 1]
    world.hit(limit)

    look = world.hit(limit, cost=0)

    assert (look.allowed, look.remaining) == (True, 0)


def test_a_cost_above_the_limit_is_denied_for_a_window(world: World, strategy: str) -> None:
    verdict = world.hit(policy("2/minute", strategy), cost=3)

    assert (verdict.allowed, verdict.retry) == (False, 60 * SECOND)


def test_clients_are_counted_apart(world: World, strategy: str) -> None:
    limit = policy("1/minute", strategy)
    world.hit(limit, client="ann")

    assert world.hit(limit, client="bob").allowed


def test_a_refund_gives_back_what_was_taken(world: World, strategy: str) -> None:
    limit = policy("5/minute", strategy)
    world.hit(limit, cost=2)
    taken = claim(limit, cost=3)
    verdicts = world.take(taken)

    world.store.refund([taken], verdicts)

    assert world.hit(limit, cost=0).remaining == 3


def test_a_refund_that_comes_too_late_changes_nothing(world: World, strategy: str) -> None:
    limit = policy("5/minute", strategy)
    taken = claim(limit, cost=3)
    verdicts = world.take(taken)
    world.advance(180 * SECOND)
    world.hit(limit, cost=2)

    if strategy != "token-bucket":  # a bucket cannot tell whose units it holds
        world.store.refund([taken], verdicts)

    assert world.hit(limit, cost=0).remaining == 3


def test_a_cleared_key_starts_anew(world: World, strategy: str) -> None:
    limit = policy("1/minute", strategy)
    world.hit(limit)

    world.store.clear([limit.storage_key("ann")])

    assert world.hit(limit).allowed


def test_a_sliding_window_forgets_one_hit_at_a_time(world: World) -> None:
    limit = policy("2/minute")
    world.hit(limit)
    world.advance(30 * SECOND)
    world.hit(limit)
    world.advance(30 * SECOND)

    assert [world.hit(limit).allowed for _ in range(2)] == [True, False]


def test_a_fixed_window_starts_with_the_first_hit(world: World) -> None:
    limit = policy("2/minute", "fixed-window")
    world.hit(limit)
    world.advance(59 * SECOND)

    verdicts = [world.hit(limit) for _ in range(2)]

    assert [v.allowed for v in verdicts] == [True, False]
    assert verdicts[1].retry == SECOND


def test_a_token_bucket_refills_evenly(world: World) -> None:
    limit = policy("60/minute", "token-bucket")
    world.hit(limit, cost=60)
    world.advance(5 * SECOND)

    assert world.hit(limit, cost=0).remaining == 5


def test_a_sliding_counter_weighs_the_window_before(world: World) -> None:
    limit = policy("10/minute", "sliding-counter")
    world.advance(60 * SECOND - world.now % (60 * SECOND))
    world.hit(limit, cost=10)
    world.advance(75 * SECOND)

    assert world.hit(limit, cost=0).remaining == 2


def test_headers_learn_when_quota_comes_back(world: World, strategy: str) -> None:
    limit = policy("2/minute", strategy)
    assert world.hit(limit, cost=0).reset == 0

    assert 0 < world.hit(limit).reset <= 60 * SECOND


def test_a_renewed_lease_counts_for_another_period(world: World) -> None:
    limit = policy("2/minute", "concurrency")
    report, other = claim(limit), claim(limit)
    held = world.take(report)
    world.advance(10 * SECOND)
    world.take(other)

    world.advance(45 * SECOND)
    world.store.renew([report], held)
    world.advance(20 * SECOND)  # the other's period is over

    assert [world.hit(limit).allowed for _ in range(2)] == [True, False]


def test_a_renewed_lease_ends_with_its_request(world: World) -> None:
    limit = policy("3/minute", "concurrency")
    report = claim(limit, cost=3)
    held = world.take(report)
    world.advance(10 * SECOND)
    world.store.renew([report], held)

    world.store.refund([report], held)

    assert world.hit(limit, cost=0).remaining == 3


def test_a_lease_that_has_ended_is_not_renewed(world: World) -> None:
    limit = policy("1/minute", "concurrency")
    report = claim(limit)
    held = world.take(report)
    world.store.refund([report], held)

    world.store.renew([report], held)

    assert world.hit(limit).allowed


def test_leases_of_one_moment_are_renewed_apart(world: World) -> None:
    limit = policy("2/minute", "concurrency")
    report, other = claim(limit), claim(limit)
    held = world.take(report)
    world.take(other)
    world.advance(30 * SECOND)
    world.store.renew([report], held)

    world.advance(31 * SECOND)
    world.store.refund([report], held)

    assert world.hit(limit, cost=0).remaining == 2


steps = st.lists(
    st.tuples(st.integers(0, 400 * SECOND), st.integers(0, 4), st.sampled_from(list(LETTERS))),
    max_size=25,
)


@given(steps)
def test_memory_and_redis_decide_alike(steps: list[tuple[int, int, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch, fakeredis.FakeRedis() as client:
        stop_the_clock(patch.setattr)
        worlds = [MemoryWorld(), RedisWorld(client)]
        for pause, cost, strategy in steps:
            told = []
            for world in worlds:
                world.advance(pause)
                told.append(world.hit(policy("7/5 minutes", strategy), cost)[:4])
            assert told[0] == told[1]


@given(st.lists(st.integers(0, 2 * SECOND), max_size=60))
def test_no_window_of_any_position_holds_more_than_the_limit(pauses: list[int]) -> None:
    world, limit, admitted = MemoryWorld(), policy("4/3 seconds"), []
    for pause in pauses:
        world.advance(pause)
        if world.hit(limit).allowed:
            admitted.append(world.now)

    for start in admitted:
        assert sum(start <= at < start + 3 * SECOND for at in admitted) <= 4


def test_a_verdict_names_the_store_that_takes_its_refund(world: World) -> None:
    verdict: Verdict = world.hit(policy("1/minute"))

    assert verdict.held_by is world.store
