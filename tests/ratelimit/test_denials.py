from __future__ import annotations

import pytest
from flask import Flask

from flask_rf import Limiter
from flask_rf.ratelimit.denials import BELIEVED_FOR
from flask_rf.ratelimit.denials import Denials
from flask_rf.ratelimit.responses import Decision
from flask_rf.ratelimit.store import Claim
from flask_rf.ratelimit.store import Verdict
from tests.parts.redis import RedisProcess
from tests.ratelimit.worlds import claim
from tests.ratelimit.worlds import MemoryWorld
from tests.ratelimit.worlds import policy
from tests.ratelimit.worlds import SECOND


class Shared(MemoryWorld):
    """A shared store, as far as denials can tell, and the denials of one process."""

    def __init__(self, capacity: int = 10) -> None:
        super().__init__()
        self.store.shared = True
        self.denials = Denials(capacity, clock=lambda: self.now * 1000)

    def denied(self, claim: Claim) -> Decision:
        verdict = Verdict(True, 0, 0, 0, 0, None)
        while verdict.allowed:
            (verdict,) = self.take(claim)
        decision = Decision(claim, verdict)
        self.denials.remember([decision])
        return decision


def test_a_denial_is_remembered_until_the_moment_it_ends() -> None:
    world, one = Shared(), claim(policy("1/2 seconds"))
    world.denied(one)

    world.advance(2 * SECOND - 1)
    (known,) = world.denials.find([one])
    assert (known.denies, known.verdict.retry) == (True, 1)

    world.advance(1)
    assert world.denials.find([one]) == []
    assert world.take(one)[0].allowed


def test_a_long_denial_is_asked_about_again_now_and_then() -> None:
    world, one = Shared(), claim(policy("1/hour"))
    world.denied(one)

    world.advance(BELIEVED_FOR - 1)
    (known,) = world.denials.find([one])
    world.advance(1)

    assert known.retry_after == 3600 - (BELIEVED_FOR - 1) / 1e6
    assert world.denials.find([one]) == []


def test_a_cheaper_request_is_not_denied_by_hearsay() -> None:
    world, limit = Shared(), policy("3/minute")
    world.denied(claim(limit, cost=2))

    assert world.denials.find([claim(limit, cost=1)]) == []
    assert world.denials.find([claim(limit, cost=3)]) != []


@pytest.mark.parametrize("terms", [{"deduct_when": bool}, {"lease": True}, {"shadow": True}])
def test_what_may_be_given_back_is_never_certain(terms: dict[str, object]) -> None:
    world, one = Shared(), claim(policy("1/minute", **terms))

    world.denied(one)

    assert len(world.denials) == 0


def test_denials_by_memory_are_not_remembered() -> None:
    world, one = Shared(), claim(policy("1/minute"))
    world.store.shared = False

    world.denied(one)

    assert len(world.denials) == 0


def test_as_many_are_remembered_as_there_is_room_for() -> None:
    world, limit = Shared(capacity=3), policy("1/minute")
    claims = [claim(limit, client=f"c{n}") for n in range(5)]

    for one in claims:
        world.denied(one)

    assert [bool(world.denials.find([one])) for one in claims] == [False] * 2 + [True] * 3


def test_a_cleared_denial_is_forgotten() -> None:
    world, one = Shared(), claim(policy("1/minute"))
    world.denied(one)

    world.denials.clear([one.key])

    assert world.denials.find([one]) == []


def test_a_hammering_client_costs_no_round_trip(app: Flask, own_redis: RedisProcess) -> None:
    limiter = Limiter(app, redis_url=own_redis.url)
    app.add_url_rule("/a", "a", limiter.limit("1/hour; 9/hour")(lambda: "a"))
    client = app.test_client()
    assert [client.get("/a").status_code for _ in range(2)] == [200, 429]
    before = own_redis.client.info("commandstats")["cmdstat_evalsha"]["calls"]

    answers = [client.get("/a") for _ in range(20)]

    after = own_redis.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert {answer.status_code for answer in answers} == {429}
    assert 3500 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert after == before
