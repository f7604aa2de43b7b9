"""Leases of requests that last longer than the period of their limit."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Sequence

import pytest
from flask import Flask
from flask import Response
from werkzeug.test import create_environ

from flask_rf import Limiter
from flask_rf.ratelimit.admission import Admission
from flask_rf.ratelimit.leases import LeaseKeeper
from flask_rf.ratelimit.memory import MemoryStore
from flask_rf.ratelimit.responses import Decision
from flask_rf.ratelimit.store import Claim
from flask_rf.ratelimit.store import Verdict
from tests.parts.forks import in_fork
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.ratelimit.worlds import claim
from tests.ratelimit.worlds import policy


@pytest.fixture(params=["memory", "redis"])
def stream(request: pytest.FixtureRequest, app: Flask) -> Flask:
    """An app whose only route streams, once at a time; three seconds after a death, again."""
    if request.param == "redis":
        server: RedisProcess = request.getfixturevalue("redis_server")
        app.config.update(REDIS_URL=server.url, REDIS_TIMEOUT=20, REDIS_CONNECT_TIMEOUT=20)

    @app.get("/a")
    @Limiter(app).concurrency(1, ttl=3)
    def a() -> Response:
        return Response(chunk for chunk in "ab")

    return app


def status(app: Flask) -> int:
    with app.test_client().get("/a") as response:
        return response.status_code


def keepers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "rf-leases"}


def test_a_stream_counts_for_as_long_as_it_lasts(stream: Flask) -> None:
    streaming = stream.test_client().get("/a", buffered=False)
    time.sleep(3.5)
    during = status(stream)
    streaming.close()

    assert [during, status(stream)] == [429, 200]


def test_a_stream_that_was_dropped_without_being_closed_runs_out(stream: Flask) -> None:
    def drop() -> None:
        environ = create_environ("/a", environ_base={"REMOTE_ADDR": "127.0.0.1"})
        stream.wsgi_app(environ, lambda *_: lambda _: None)

    drop()
    assert status(stream) == 429

    def is_free() -> bool:
        gc.collect()
        return status(stream) == 200

    wait_until(is_free)


def test_nothing_is_kept_once_no_lease_is_left(stream: Flask) -> None:
    others = keepers()
    streaming = stream.test_client().get("/a", buffered=False)
    during = keepers() - others
    streaming.close()

    assert len(during) == 1
    wait_until(lambda: not keepers() - others)
    assert status(stream) == 200


class Unsteady(MemoryStore):
    """Fails the first renewal."""

    def __init__(self) -> None:
        super().__init__()
        self.renewals: list[int] = []

    def renew(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        self.renewals.append(len(claims))
        if len(self.renewals) == 1:
            raise OSError("no")


def held(store: MemoryStore, rate: str) -> Admission:
    asked = claim(policy(rate, lease=True))
    admission = Admission(store, quota=True)
    admission.add([Decision(asked, store.take([asked])[0])], None)
    return admission


def test_a_renewal_that_fails_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    store = Unsteady()
    admission = held(store, "1/second")

    LeaseKeeper(store).keep(admission)

    wait_until(lambda: len(store.renewals) >= 2)
    assert "Leases of 1 requests were not renewed" in caplog.text
    admission.settle()


class Stepping(MemoryStore):
    """Its time goes on by 0.6 seconds with each renewal."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: int(self.seconds * 1e9))
        self.seconds = 0.0

    def renew(self, claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> None:
        super().renew(claims, verdicts)
        self.seconds += 0.6


def test_a_short_lease_does_not_wait_for_a_long_one() -> None:
    store = Stepping()
    keeper, long, short = LeaseKeeper(store), held(store, "1/hour"), held(store, "2/second")

    keeper.keep(long)
    keeper.keep(short)
    wait_until(lambda: store.seconds > 2)

    assert not store.take([claim(policy("2/second", lease=True), cost=2)])[0].allowed
    for admission in (long, short):
        admission.settle()


def test_leases_given_out_unheard_are_in_nobodys_way(
    app: Flask, own_redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Limiter(app, redis_url=own_redis.url, timeout=0.2)
    app.add_url_rule("/a", "a", limiter.concurrency(2, ttl=3600)(lambda: "a"))
    assert status(app) == 200
    own_redis.pause()
    answers = [status(app) for _ in range(5)]  # at least three of them asked Redis
    own_redis.resume()
    wait_until(lambda: status(app) == 200 and "back on Redis" in caplog.text)

    assert answers == [200] * 5
    assert [status(app) for _ in range(3)] == [200] * 3
    # The end of one may not have been heard of either.
    wait_until(lambda: status(app) == 200 and not own_redis.client.keys("shop:1:rl:*"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_keeps_only_leases_of_its_own() -> None:
    store = Unsteady()
    keeper, of_parent = LeaseKeeper(store), held(store, "1/hour")
    keeper.keep(of_parent)

    def renewed_together() -> int:
        of_child = held(store, "2/second")
        keeper.keep(of_child)
        wait_until(lambda: len(store.renewals) > 1)
        of_child.settle()
        return max(store.renewals)

    assert in_fork(renewed_together) == "1"
    of_parent.settle()
