from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flask_rf.doctor import redis
from flask_rf.doctor.facts import RedisFacts
from flask_rf.doctor.findings import Finding
from flask_rf.doctor.findings import judged
from tests.doctor.sites import record
from tests.doctor.sites import sites

MIB = 1024 * 1024
GOOD = RedisFacts(
    settings=("REDIS_URL",),
    address="redis://redis/0",
    url="redis://chat:sesame@redis/0",
    maxmemory=256 * MIB,
    used_memory=20 * MIB,
    appends=True,
    saves=False,
    clients=10,
    max_clients=10_000,
    latency=0.001,
)


def changed(**changes: Any) -> RedisFacts:
    return dataclasses.replace(GOOD, **changes)


CASES = [
    (changed(error="Connection refused"), "hurts", "Connection refused"),
    (changed(refused=("EVAL", "PUBLISH shop:1:doctor")), "hurts", "EVAL, PUBLISH shop:1:doctor"),
    (changed(told=False), "advice", "+info"),
    (changed(version="5.0.14"), "hurts", "too old"),
    (changed(version="6.2.14"), "advice", "not looked after"),
    (changed(policy="allkeys-lru"), "hurts", "It will when full"),
    (changed(policy="volatile-ttl", evicted=1234), "hurts", "1,234"),
    (changed(maxmemory=0), "advice", "maxmemory is not set"),
    (changed(used_memory=250 * MIB), "hurts", "98%"),
    (changed(appends=False), "advice", "appendonly yes"),
    (changed(broken_writes=True), "hurts", "disk is full"),
    (changed(role="slave"), "hurts", "replica"),
    (changed(clients=9500), "hurts", "9,500 of 10,000"),
    (changed(latency=0.02), "advice", "20.0 ms"),
    (changed(latency=0.2), "hurts", "50 ms"),
    (changed(skew=3.0), "advice", "3.0 s ahead of"),
    (changed(skew=-600.0), "hurts", "600.0 s behind"),
    (changed(url="redis://u:p@redis.example.com/0"), "hurts", "rediss://"),
    (changed(url="redis://redis/0"), "advice", "asks for none"),
]


def examined(facts: RedisFacts) -> list[Finding]:
    answering = () if facts.error else redis.ANSWERING
    return list(judged(facts, (*redis.JUDGES, *answering)))


@pytest.mark.parametrize(("facts", "severity", "words"), CASES, ids=lambda case: str(case)[:30])
def test_what_is_wrong_with_a_redis_is_the_only_thing_said_against_it(
    facts: RedisFacts, severity: str, words: str
) -> None:
    (finding,) = [found for found in examined(facts) if found.severity != "fine"]
    assert finding.severity == severity
    assert words in f"{finding.says} {finding.mend}"
    assert finding.mend


def test_nothing_is_said_against_a_good_one() -> None:
    assert {finding.severity for finding in examined(GOOD)} == {"fine"}
    assert len(examined(GOOD)) == len(redis.JUDGES) + len(redis.ANSWERING)


@pytest.mark.parametrize(
    "facts",
    [
        changed(url="redis://localhost:6379/0"),
        changed(url="redis://127.0.0.1"),
        changed(url="unix:///run/redis.sock"),
        changed(url="rediss://u:p@redis.example.com/0"),
        changed(url="redis+sentinel://u:p@one,two,three/mymaster/0"),
        changed(url="redis+cluster://u:p@10.0.0.1:7000,10.0.0.2:7000"),
        changed(url="redis://u:p@redis.chat.svc/0"),
        changed(appends=False, saves=True),
        changed(appends=False, saves=None),
        changed(max_clients=0),
        changed(valkey=True, version="9.1.2"),
    ],
    ids=lambda facts: facts.url,
)
def test_what_is_well_another_way_is_not_blamed(facts: RedisFacts) -> None:
    assert {finding.severity for finding in examined(facts)} == {"fine"}


def test_of_one_that_tells_nothing_nothing_is_guessed() -> None:
    subjects = {finding.subject for finding in examined(changed(told=False))}
    assert subjects & {"Redis version", "eviction", "Redis memory", "persistence"} == set()


def test_every_finding_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    met = record(redis, monkeypatch)
    for facts in (GOOD, *(case[0] for case in CASES)):
        examined(facts)
    assert met == sites(redis)


def test_no_finding_shows_a_password() -> None:
    assert "sesame" not in repr([GOOD, *(examined(case[0]) for case in CASES)])
