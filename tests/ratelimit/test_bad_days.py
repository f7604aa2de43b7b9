"""Bad days of Redis, each for threads and for greenlets: no request fails, none waits long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from logging import LogRecord
from typing import Any

import gevent
import pytest
from flask import Flask
from redis.exceptions import ResponseError

from flask_rf import Limiter
from flask_rf.ratelimit.options import LimiterOptions
from flask_rf.signals import redis_asked
from flask_rf.signals import store_up
from tests.parts.processes import wait_until
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess
from tests.parts.sentinel import SentinelProcesses
from tests.ratelimit.worlds import assert_only_probes_ask

KEY = "shop:1:rl:w1000/60:a:{127.0.0.1}"
_DIALS = ("REDIS_TIMEOUT", "REDIS_CONNECT_TIMEOUT")
Ask = Callable[..., "Visitor"]


class Visitor:
    """Asks an app that is limited by the Redis at ``url``.

    :param timeout: of commands; dials have no less.
    """

    def __init__(
        self, app: Flask, url: str, in_greenlet: bool, timeout: float = 0.2, **options: Any
    ) -> None:
        app.config.update(dict.fromkeys(_DIALS, max(timeout, 0.5)))
        limiter = Limiter(app, redis_url=url, timeout=timeout, **options)
        app.add_url_rule("/a", "a", limiter.limit("1000/minute")(lambda: "a"))
        self._app = app
        self._in_greenlet = in_greenlet
        self.saw_outage = False
        self.back = False
        #: Seconds of each wait for Redis.
        self.waits: list[float] = []
        self._timeout = timeout
        store_up.connect(self._note_back, app)
        redis_asked.connect(self._note_wait, app)

    def _note_back(self, sender: Flask, **facts: object) -> None:
        self.back = True

    def _note_wait(self, sender: Flask, seconds: float, **facts: object) -> None:
        self.waits.append(seconds)

    def status(self) -> int:
        def get() -> int:
            return self._app.test_client().get("/a").status_code

        return int(gevent.spawn(get).get(timeout=5)) if self._in_greenlet else get()

    def survives(self, requests: int = 40) -> None:
        """No request fails; once the breaker is open none but probes waits."""
        self.saw_outage, self.back = True, False
        codes = [self.status() for _ in range(4)]
        more = range(requests)
        assert_only_probes_ask(self._app, lambda: codes.extend(self.status() for _ in more))
        assert set(codes) == {200}

    def recovers(self, server: RedisProcess) -> None:
        """The first probe that ``server`` answers in time ends it; then all are counted again."""
        self.waits.clear()
        wait_until(lambda: self.status() == 200 and self.back, 60, "counts in Redis")
        answered = [wait for wait in self.waits if wait < self._timeout]
        assert len(answered) <= 2  # one that has lost the script is asked again
        wait_until(lambda: self.adds(server, 5) == 5, what="a right count")

    def adds(self, server: RedisProcess, requests: int) -> int:
        """What so many requests add to the count of ``server``."""
        before = server.client.zcard(KEY)
        assert {self.status() for _ in range(requests)} == {200}
        return int(server.client.zcard(KEY)) - int(before)


@pytest.fixture
def proxy(own_redis: RedisProcess) -> Iterator[FaultProxy]:
    proxy = FaultProxy(own_redis.port)
    yield proxy
    proxy.close()


@pytest.fixture(params=["thread", "greenlet"])
def visit(
    app: Flask, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[Ask]:
    """A visitor by URL; afterwards, one line was logged for each change of state."""
    with caplog.at_level(logging.WARNING, "flask_rf"):
        visitors: list[Visitor] = []

        def visit(url: str, **options: Any) -> Visitor:
            visitors.append(Visitor(app, url, request.param == "greenlet", **options))
            return visitors[-1]

        yield visit
    records = caplog.get_records("call")
    told = [line for line in map(LogRecord.getMessage, records) if line.startswith("Rate limits")]
    changes = ["without" if "go on without Redis" in line else "back" for line in told]
    # A busy machine may add an outage of its own.
    outages = max(len(changes) // 2, 1) if visitors[0].saw_outage else 0
    assert changes == ["without", "back"] * outages


def test_redis_is_killed(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url)
    assert visitor.status() == 200
    own_redis.kill()

    visitor.survives()
    own_redis.start()
    visitor.recovers(own_redis)


def test_redis_stands_still(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url)
    assert visitor.status() == 200
    own_redis.pause()

    visitor.survives()
    own_redis.resume()
    visitor.recovers(own_redis)


def test_redis_is_slow(visit: Ask, own_redis: RedisProcess, proxy: FaultProxy) -> None:
    visitor = visit(proxy.url)
    assert visitor.status() == 200
    proxy.delay = 2.0

    visitor.survives()
    proxy.delay = 0.0
    visitor.recovers(own_redis)


def test_the_network_swallows_everything(
    visit: Ask, own_redis: RedisProcess, proxy: FaultProxy
) -> None:
    visitor = visit(proxy.url)
    assert visitor.status() == 200
    proxy.deaf = True

    visitor.survives()
    proxy.deaf = False
    visitor.recovers(own_redis)


@pytest.mark.parametrize("in_greenlet", [False, True])
def test_a_silent_redis_is_waited_for_50_ms_by_default(
    app: Flask, proxy: FaultProxy, in_greenlet: bool
) -> None:
    visitor = Visitor(app, proxy.url, in_greenlet, timeout=LimiterOptions().timeout)

    def waits_in_vain() -> bool:
        proxy.deaf = False
        visitor.status()
        visitor.waits.clear()
        proxy.deaf = True
        visitor.status()
        return any(0.03 < wait < 0.08 for wait in visitor.waits)

    wait_until(waits_in_vain)  # a busy machine may add to some of the waits, not to all


def test_redis_is_out_of_memory(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url)
    assert visitor.status() == 200
    own_redis.client.config_set("maxmemory", 1)

    visitor.survives()
    own_redis.client.config_set("maxmemory", 0)
    visitor.recovers(own_redis)


def test_redis_has_become_a_replica(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url)
    assert visitor.status() == 200
    own_redis.client.replicaof("127.0.0.1", 1)

    visitor.survives()
    own_redis.client.replicaof("NO", "ONE")
    visitor.recovers(own_redis)


def test_the_password_is_wrong(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url.replace("redis://", "redis://:guess@"))
    own_redis.client.config_set("requirepass", "sesame")

    visitor.survives()
    own_redis.client.config_set("requirepass", "guess")
    own_redis.client.connection_pool.connection_kwargs["password"] = "guess"
    visitor.recovers(own_redis)


def is_busy(redis: RedisProcess) -> bool:
    try:
        return not redis.client.ping()
    except ResponseError:
        return True


def test_a_script_runs_too_long_beside_us(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url)
    assert visitor.status() == 200
    hog = own_redis.client.connection_pool.make_connection()
    own_redis.client.config_set("busy-reply-threshold", 10)
    hog.send_command("EVAL", "while true do end", 0)
    wait_until(lambda: is_busy(own_redis), what="the script")

    visitor.survives()
    wait_until(own_redis.client.script_kill)
    visitor.recovers(own_redis)
    hog.disconnect()


def test_connections_are_cut_now_and_then(
    visit: Ask, own_redis: RedisProcess, proxy: FaultProxy
) -> None:
    visitor = visit(proxy.url, timeout=5)
    for _ in range(5):
        assert visitor.status() == 200
        proxy.cut()
        time.sleep(0.02)

    assert visitor.status() == 200
    assert own_redis.client.zcard(KEY) >= 5


def test_scripts_are_flushed(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url, timeout=5)
    for _ in range(5):
        assert visitor.status() == 200
        own_redis.client.script_flush()

    assert own_redis.client.zcard(KEY) == 5


def test_a_sentinel_names_another_primary(visit: Ask, sentinel: SentinelProcesses) -> None:
    visitor = visit(sentinel.url)
    wait_until(lambda: visitor.status() == 200 and sentinel.primary.client.zcard(KEY))
    sentinel.primary.kill()

    visitor.survives()
    sentinel.wait_for_replacement()
    visitor.recovers(sentinel.replica)
