"""The contract of sending, from greenlets and from threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from redis.exceptions import ConnectionError
from redis.exceptions import ResponseError

from flask_rf.redis import RedisOptions
from flask_rf.redis.primary import Primary
from flask_rf.redis.sender import Commands
from flask_rf.redis.sender import commands_to
from tests.parts.redis import RedisProcess

OPTIONS = RedisOptions(timeout=20.0, connect_timeout=20.0)
Here = Callable[[Callable[[], Any]], Any]


@pytest.fixture(params=["greenlet", "thread"])
def here(request: pytest.FixtureRequest) -> Here:
    """Runs a function where the contract is to hold."""
    if request.param == "greenlet":
        return lambda function: gevent.spawn(function).get()
    return lambda function: function()


@pytest.fixture
def way(redis_server: RedisProcess) -> Commands:
    return commands_to(redis_server.url, OPTIONS, 20.0)


def echo_primary(primary: Primary) -> tuple[Any, ...]:
    return ("ECHO", primary.run_id)


def test_commands_sent_together_are_answered_in_their_order(way: Commands, here: Here) -> None:
    commands = [("ECHO", str(n)) for n in range(40)]

    assert here(lambda: way.execute_each(commands)) == [str(n).encode() for n in range(40)]


def test_an_error_stands_in_its_place(way: Commands, here: Here) -> None:
    first, second, third = here(
        lambda: way.execute_each([("ECHO", "a"), ("NOSUCHCOMMAND",), ("ECHO", "b")])
    )

    assert (first, third) == (b"a", b"b")
    assert isinstance(second, ResponseError)


def test_nothing_to_send_is_answered_by_nothing(way: Commands, here: Here) -> None:
    assert here(lambda: way.execute_each([])) == []


def test_a_command_can_name_the_server_it_reaches(
    way: Commands, here: Here, redis_server: RedisProcess
) -> None:
    run_id = redis_server.client.info("server")["run_id"].encode()

    assert here(lambda: way.execute_each([echo_primary, ("ECHO", "a")])) == [run_id, b"a"]


def test_a_restarted_server_is_another(own_redis: RedisProcess, here: Here) -> None:
    way = commands_to(own_redis.url, OPTIONS, 20.0)

    def run_id() -> bytes:
        (found,) = way.execute_each([echo_primary])
        return bytes(found)

    before = here(run_id)
    own_redis.restart()
    gevent.sleep(0.05)
    after = here(run_id)

    assert after != before
    assert after == own_redis.client.info("server")["run_id"].encode()


def test_a_server_that_may_not_be_asked_is_unknown(own_redis: RedisProcess, here: Here) -> None:
    own_redis.client.acl_setuser("default", commands=["+@all", "-info"], enabled=True)
    way = commands_to(own_redis.url, OPTIONS, 20.0)

    assert here(lambda: way.execute_each([echo_primary])) == [b"-"]


def test_a_lost_server_is_an_error_for_each_command(own_redis: RedisProcess, here: Here) -> None:
    way = commands_to(own_redis.url, OPTIONS, 20.0)
    own_redis.kill()

    outcomes = here(lambda: way.execute_each([("ECHO", "a"), echo_primary]))

    assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 2


def test_a_closed_way_dials_anew(way: Commands, here: Here) -> None:
    here(lambda: way.execute("PING"))
    way.close()

    assert here(lambda: way.execute("PING")) == b"PONG"
