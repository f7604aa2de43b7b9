"""Bad days of Redis, each for threads and for greenlets: no request fails, none waits long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from flask import Flask

from flask_rf import Limiter
from flask_rf.signals import store_up
from tests.parts.processes import wait_until
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess
from tests.parts.sentinel import SentinelProcesses

KEY = "shop:1:rl:w1000/60:a:{127.0.0.1}"
Ask = Callable[..., "Visitor"]


class Visitor:
    """Asks an app that is limited by the Redis at ``url``."""

    def __init__(self, app: Flask, url: str, in_greenlet: bool, **options: Any) -> None:
        limiter = Limiter(app, redis_url=url, **{"timeout": 0.2, **options})
        app.add_url_rule("/a", "a", limiter.limit("1000/minute")(lambda: "a"))
        self._app = app
        self._in_greenlet = in_greenlet
        self.saw_outage = False
        self.back = False
        store_up.connect(self._note_back, app)

    def _note_back(self, sender: Flask, **facts: object) -> None:
        self.back = True

    def status(self) -> int:
        def get() -> int:
            return self._app.test_client().get("/a").status_code

        return int(gevent.spawn(get).get(timeout=20)) if self._in_greenlet else get()

    def survives(self, requests: int = 40) -> None:
        """No request fails; once the breaker is open none but probes waits."""
        self.saw_outage = True
        assert [self.status() for _ in range(4)] == [200] * 4
        waits = []
        for _ in range(requests):
            began = time.perf_counter()
            assert self.status() == 200
            waits.append(time.perf_counter() - began)
        waits.sort()
        assert waits[int(requests * 0.9)] < 0.05

    def recovers(self, server: RedisProcess) -> None:
        """Requests are counted by ``server`` again within two seconds."""
        began = time.monotonic()
        wait_until(lambda: self.status() == 200 and self.back)
        assert time.monotonic() - began < 2
        assert server.client.keys("shop:1:rl:*")


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
    told = [record.getMessage() for record in records if record.name == "flask_rf"]
    changes = ["without" if "go on without Redis" in line else "back" for line in told]
    assert changes == (["without", "back"] if visitors[0].saw_outage else [])


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


def test_redis_is_slow(visit: Ask, own_redis: RedisProcess) -> None:
    proxy = FaultProxy(own_redis.port)
    visitor = visit(proxy.url)
    assert visitor.status() == 200
    proxy.delay = 0.3

    visitor.survives()
    proxy.delay = 0.0
    visitor.recovers(own_redis)
    proxy.close()


def test_the_network_swallows_everything(visit: Ask, own_redis: RedisProcess) -> None:
    proxy = FaultProxy(own_redis.port)
    visitor = visit(proxy.url)
    assert visitor.status() == 200
    proxy.deaf = True

    visitor.survives()
    proxy.deaf = False
    visitor.recovers(own_redis)
    proxy.close()


def test_redis_is_out_of_memory(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url, strategy="token-bucket")
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


def test_a_script_runs_too_long_beside_us(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url)
    assert visitor.status() == 200
    hog = own_redis.client.connection_pool.make_connection()
    own_redis.client.config_set("busy-reply-threshold", 10)
    hog.send_command("EVAL", "while true do end", 0)

    visitor.survives()
    wait_until(own_redis.client.script_kill)
    visitor.recovers(own_redis)
    hog.disconnect()


def test_connections_are_cut_now_and_then(visit: Ask, own_redis: RedisProcess) -> None:
    proxy = FaultProxy(own_redis.port)
    visitor = visit(proxy.url, timeout=5)
    for _ in range(5):
        assert visitor.status() == 200
        proxy.cut()
        time.sleep(0.02)

    assert visitor.status() == 200
    assert own_redis.client.zcard(KEY) >= 5
    proxy.close()


def test_scripts_are_flushed(visit: Ask, own_redis: RedisProcess) -> None:
    visitor = visit(own_redis.url, timeout=5)
    for _ in range(5):
        assert visitor.status() == 200
        own_redis.client.script_flush()

    assert own_redis.client.zcard(KEY) == 5


def test_a_sentinel_names_another_primary(visit: Ask, sentinel: SentinelProcesses) -> None:
    visitor = visit(sentinel.url)
    assert visitor.status() == 200
    assert sentinel.primary.client.zcard(KEY) == 1
    sentinel.primary.kill()

    visitor.survives()
    sentinel.wait_for_replacement()
    visitor.recovers(sentinel.replica)
