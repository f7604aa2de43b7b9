from __future__ import annotations

import pytest

from flask_rf import ConfigurationError
from flask_rf.ratelimit import Limit
from flask_rf.ratelimit import MemoryRateLimiter
from flask_rf.ratelimit import RateLimitResult
from flask_rf.ratelimit import RedisRateLimiter
from tests.parts.redis import RedisProcess

Limiters = MemoryRateLimiter | RedisRateLimiter


@pytest.fixture(params=["memory", "redis"])
def limiter(request: pytest.FixtureRequest) -> Limiters:
    if request.param == "memory":
        return MemoryRateLimiter("2/minute")
    return RedisRateLimiter(request.getfixturevalue("redis_server").url, "2/minute", timeout=20)


def test_a_check_counts_and_tells_what_is_left(limiter: Limiters) -> None:
    first, _, third = (limiter.check("ann") for _ in range(3))

    assert (first.allowed, first.limit, first.remaining, first.retry_after) == (True, 2, 1, 0)
    assert 59 < first.reset_after <= 60
    assert not third.allowed
    assert 30 < third.retry_after <= 60


def test_info_counts_nothing(limiter: Limiters) -> None:
    limiter.check("ann")

    assert [limiter.info("ann").remaining for _ in range(3)] == [1, 1, 1]


def test_a_cost_is_never_negative(limiter: Limiters) -> None:
    with pytest.raises(ValueError, match="write 0 or more"):
        limiter.check("ann", cost=-1)


def test_a_key_can_be_reset(limiter: Limiters) -> None:
    limiter.check("ann", cost=2)

    limiter.reset("ann")

    assert limiter.check("ann").allowed


@pytest.mark.parametrize(
    "config",
    [
        "2/minute",
        Limit.per_minute(2),
        {"limit": 2, "window": 60},
        {"limit": 2, "window": 60, "strategy": "token-bucket"},
    ],
)
def test_the_limit_is_written_in_several_ways(config: object) -> None:
    limiter = MemoryRateLimiter(config)

    assert [limiter.check("ann").allowed for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        ("5/mintue", "write minute"),
        ("5/minute; 9/hour", "one limit"),
        (lambda: "5/minute", "one limit"),
        ({"limit": 5}, "limit .requests. and window .seconds."),
        ({"limit": 5, "window": 60, "strategy": "leaky"}, "the strategies are"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(config: object, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        MemoryRateLimiter(config)


def test_without_redis_this_process_counts(own_redis: RedisProcess) -> None:
    limiter = RedisRateLimiter(own_redis.url, "2/minute")
    own_redis.kill()

    results: list[RateLimitResult] = [limiter.check("ann") for _ in range(3)]

    assert [result.allowed for result in results] == [True, True, False]
