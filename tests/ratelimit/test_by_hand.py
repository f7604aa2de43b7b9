from __future__ import annotations

import pytest
from flask import Flask

from flask_rf import Limiter
from flask_rf import SetupError
from tests.parts.redis import RedisProcess


@pytest.fixture(params=["memory", "redis"])
def limiter(app: Flask, request: pytest.FixtureRequest) -> Limiter:
    if request.param == "memory":
        return Limiter(app)
    return Limiter(app, redis_url=request.getfixturevalue("redis_server").url)


def test_hits_are_counted_by_key(limiter: Limiter) -> None:
    assert [limiter.hit("ann"), limiter.hit("ann"), limiter.hit("bob")] == [1, 2, 1]

    assert (limiter.attempts("ann"), limiter.attempts("eve")) == (2, 0)


def test_an_attempt_runs_its_callback_while_few_were_made(limiter: Limiter) -> None:
    sent: list[str] = []

    results = [limiter.attempt("ann", 2, lambda: sent.append("mail")) for _ in range(3)]

    assert results == [True, True, False]
    assert sent == ["mail", "mail"]


def test_an_attempt_gives_back_what_its_callback_returns(limiter: Limiter) -> None:
    assert limiter.attempt("ann", 1, lambda: "sent") == "sent"
    assert limiter.attempt("bob", 1) is True


def test_an_attempt_whose_callback_fails_is_not_counted(limiter: Limiter) -> None:
    with pytest.raises(ZeroDivisionError):
        limiter.attempt("ann", 2, lambda: 1 / 0)

    assert limiter.attempts("ann") == 0


def test_a_count_goes_up_and_down_by_any_amount(limiter: Limiter) -> None:
    assert limiter.increment("ann", amount=5) == 5
    assert limiter.decrement("ann", amount=2) == 3
    assert limiter.decrement("ann", amount=9) == 0


def test_an_amount_is_never_negative(limiter: Limiter) -> None:
    for change in (limiter.increment, limiter.decrement):
        with pytest.raises(ValueError, match="write 0 or more"):
            change("ann", amount=-1)


def test_what_is_left_is_known(limiter: Limiter) -> None:
    limiter.increment("ann", amount=3)

    assert limiter.remaining("ann", 5) == limiter.retries_left("ann", 5) == 2
    assert limiter.remaining("ann", 2) == 0
    assert [limiter.too_many_attempts("ann", n) for n in (3, 4)] == [True, False]


def test_a_cleared_count_starts_anew(limiter: Limiter) -> None:
    for clear in (limiter.clear, limiter.reset_attempts):
        limiter.hit("ann")
        clear("ann")
        assert limiter.attempts("ann") == 0


def test_a_count_ends_a_decay_after_its_first_hit(limiter: Limiter) -> None:
    assert limiter.available_in("ann") == 0

    limiter.hit("ann", decay=90)
    limiter.hit("ann", decay=5)

    assert 80 < limiter.available_in("ann") <= 90


def test_counting_goes_on_without_redis(app: Flask, own_redis: RedisProcess) -> None:
    limiter = Limiter(app, redis_url=own_redis.url)
    limiter.hit("ann")
    own_redis.kill()

    assert [limiter.hit("ann"), limiter.hit("ann")] == [1, 2]
    limiter.clear("ann")
    assert limiter.decrement("ann") == 0


def test_everything_can_be_forgotten_at_once(app: Flask, limiter: Limiter) -> None:
    app.add_url_rule("/a", "a", limiter.limit("1/minute")(lambda: "a"))
    client = app.test_client()
    limiter.hit("ann")
    assert [client.get("/a").status_code for _ in range(2)] == [200, 429]

    limiter.reset()

    assert limiter.attempts("ann") == 0
    assert client.get("/a").status_code == 200


def test_outside_of_a_sole_app_it_is_said_what_to_do() -> None:
    with pytest.raises(SetupError, match="set up on no app"):
        Limiter().hit("ann")
