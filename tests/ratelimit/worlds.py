"""What tests of limits share: stores whose time stands still until moved, and what is answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

import flask_rf.ratelimit.redis as redis_module
from flask_rf.ratelimit.limit import Limit
from flask_rf.ratelimit.limit import parse_rates
from flask_rf.ratelimit.memory import MemoryStore
from flask_rf.ratelimit.plan import PolicyMaker
from flask_rf.ratelimit.policy import Policy
from flask_rf.ratelimit.redis import RedisStore
from flask_rf.ratelimit.store import Claim
from flask_rf.ratelimit.store import Store
from flask_rf.ratelimit.store import Verdict
from flask_rf.redis.breaker import PROBE_AFTER
from flask_rf.redis.script import Script
from flask_rf.signals import redis_asked

START = 1_700_000_000_000_000
SECOND = 1_000_000


class World:
    """A store and its clock, in microseconds."""

    store: Store

    def __init__(self) -> None:
        self.now = START

    def advance(self, microseconds: int) -> None:
        self.now += microseconds

    def take(self, *claims: Claim) -> list[Verdict]:
        return self.store.take(claims)

    def hit(self, policy: Policy, cost: int = 1, client: str = "ann") -> Verdict:
        (verdict,) = self.take(claim(policy, cost, client))
        return verdict


class MemoryWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore(clock=lambda: self.now * 1000)


class Raw:
    """A client's commands, sent as they are."""

    def __init__(self, client: Any) -> None:
        self.execute = client.execute_command
        self._client = client

    def scan(self, pattern: str) -> list[bytes]:
        return list(self._client.scan_iter(pattern))


class RedisWorld(World):
    """The scripts read their time from a key, so that a test can set it; expiry stays real."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self.client = client
        self.store = RedisStore(Raw(client))
        self._tell()

    def advance(self, microseconds: int) -> None:
        super().advance(microseconds)
        self._tell()

    def _tell(self) -> None:
        self.client.mset({"clock:s": self.now // SECOND, "clock:us": self.now % SECOND})


def stop_the_clock(patch: Callable[[Any, str, Any], None]) -> None:
    """Have the scripts read the time a :class:`RedisWorld` sets."""
    for name in ("DECIDE", "REFUND", "RENEW"):
        text = Path(redis_module.__file__).with_name(f"{name.lower()}.lua").read_text()
        assert "'TIME'" in text
        patch(redis_module, name, Script(text.replace("'TIME'", "'MGET', 'clock:s', 'clock:us'")))


def policy(
    text: str, strategy: str = "sliding-window", scope: str = "login", **terms: Any
) -> Policy:
    (rate,) = parse_rates(text)
    return PolicyMaker("shop:1:rl", strategy).make(Limit(rate, **terms), scope)


def claim(policy: Policy, cost: int = 1, client: str = "ann") -> Claim:
    return Claim(policy, policy.storage_key(client), cost, client)


def assert_only_probes_ask(app: Flask, work: Callable[[], object]) -> None:
    """Run ``work`` while the breaker is open: nobody waits for Redis but a probe now and then."""
    asked: list[float] = []

    def note(sender: Flask, seconds: float, **_: object) -> None:
        asked.append(seconds)

    began = time.monotonic()
    with redis_asked.connected_to(note, app):
        work()
    assert len(asked) <= 1 + (time.monotonic() - began) / PROBE_AFTER[0]


def statuses(app: Flask, path: str, times: int, method: str = "GET", **options: Any) -> list[int]:
    """Of requests, one after the other."""
    found = []
    for _ in range(times):
        with app.test_client().open(path, method=method, **options) as response:
            found.append(response.status_code)
    return found
