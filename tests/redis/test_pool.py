"""Connections of threads, against a real Redis that is restarted, silent, or no primary."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier
from threading import Thread
from typing import Any

import pytest
from redis.connection import Connection
from redis.exceptions import ConnectionError
from redis.exceptions import MaxConnectionsError
from redis.exceptions import ReadOnlyError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError

from flask_rf.redis import RedisOptions
from flask_rf.redis.client import RedisServer
from flask_rf.redis.pool import Pool
from flask_rf.redis.primary import Primary
from flask_rf.redis.sender import Sender
from tests.parts.forks import in_fork
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess


@contextmanager
def pool_of(
    redis: RedisProcess, most: int = 64, patience: float = 20.0, timeout: float = 20.0
) -> Iterator[Pool]:
    times = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    pool = Pool(RedisServer(redis.url, RedisOptions(), **times), most, patience)
    yield pool
    pool.close()


def side_by_side(*calls: Callable[[], Any]) -> list[Any]:
    """What each returns or raises, in threads that begin together."""
    outcomes: dict[int, Any] = {}
    together = Barrier(len(calls))

    def run(n: int) -> None:
        together.wait()
        try:
            outcomes[n] = calls[n]()
        except RedisError as error:
            outcomes[n] = error

    threads = [Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[n] for n in range(len(calls))]


def connections(redis: RedisProcess) -> int:
    """How many the server holds, without the test's own."""
    return len(redis.client.client_list(_type="normal")) - 1


def ids(pool: Pool, count: int) -> set[int]:
    """The connections that ``count`` threads have at a time."""
    met = Barrier(count)

    def of(primary: Primary) -> tuple[Any, ...]:
        met.wait(30)
        return ("CLIENT", "ID")

    return {found for (found,) in side_by_side(*[lambda: pool.execute_each([of])] * count)}


def test_one_after_the_other_they_share_a_connection(own_redis: RedisProcess) -> None:
    with pool_of(own_redis) as pool:
        first = pool.execute(("CLIENT", "ID"))

        assert {pool.execute(("CLIENT", "ID")) for _ in range(5)} == {first}
        assert connections(own_redis) == 1


def test_side_by_side_each_has_its_own(own_redis: RedisProcess) -> None:
    with pool_of(own_redis) as pool:
        assert len(ids(pool, 5)) == 5
        assert connections(own_redis) == 5


def test_replies_are_of_those_who_asked(own_redis: RedisProcess) -> None:
    with pool_of(own_redis, most=3) as pool:

        def ask(n: int) -> list[Any]:
            return [pool.execute(("ECHO", f"{n}.{m}")) for m in range(50)]

        found = side_by_side(*(lambda n=n: ask(n) for n in range(12)))

    assert found == [[f"{n}.{m}".encode() for m in range(50)] for n in range(12)]


def test_more_threads_than_connections_wait_for_one(own_redis: RedisProcess) -> None:
    with pool_of(own_redis, most=2) as pool:
        assert side_by_side(*[lambda: pool.execute(("PING",))] * 30) == [b"PONG"] * 30
        assert connections(own_redis) == 2


def test_who_has_waited_for_none_is_told_so(own_redis: RedisProcess) -> None:
    with pool_of(own_redis, most=1, patience=0.2) as pool:
        pool.execute(("PING",))
        holder = pool._borrow()

        with pytest.raises(MaxConnectionsError, match=r"in use for 0\.2 s"):
            pool.execute(("PING",))
        (outcome,) = pool.execute_each([("PING",)])
        assert isinstance(outcome, MaxConnectionsError)

        pool._give_back(holder)
        assert pool.execute(("PING",)) == b"PONG"


def test_no_command_is_lost_to_a_restart_while_they_were_idle(own_redis: RedisProcess) -> None:
    with pool_of(own_redis) as pool:
        ids(pool, 4)
        own_redis.restart()

        assert side_by_side(*[lambda: pool.execute(("PING",))] * 4) == [b"PONG"] * 4


def test_attempts_that_failed_take_no_connections_away(own_redis: RedisProcess) -> None:
    with pool_of(own_redis, most=2) as pool:
        own_redis.kill()
        for _ in range(5):
            with pytest.raises(ConnectionError):
                pool.execute(("PING",))
            assert isinstance(pool.execute_each([("PING",)])[0], ConnectionError)
        own_redis.start()

        assert len(ids(pool, 2)) == 2


def test_a_silent_server_ends_the_idle_connections_too(own_redis: RedisProcess) -> None:
    with pool_of(own_redis, timeout=1.0) as pool:
        former = ids(pool, 4)
        own_redis.pause()
        with pytest.raises(TimeoutError):
            pool.execute(("ECHO", "late"))
        own_redis.resume()
        wait_until(lambda: connections(own_redis) == 0, what="their end")

        assert pool.execute(("ECHO", "b")) == b"b"
        assert pool.execute(("CLIENT", "ID")) not in former


def test_a_server_that_is_no_primary_any_more_is_dialled_anew(own_redis: RedisProcess) -> None:
    with pool_of(own_redis) as pool:
        former = ids(pool, 2)
        own_redis.client.replicaof("127.0.0.1", 1)

        with pytest.raises(ReadOnlyError):
            pool.execute(("SET", "a", "b"))
        assert pool.execute(("CLIENT", "ID")) not in former

        (outcome,) = pool.execute_each([("SET", "a", "b")])
        assert isinstance(outcome, ReadOnlyError)
        wait_until(lambda: connections(own_redis) == 0, what="the end of all connections")


def test_an_error_that_is_a_reply_ends_no_connection(own_redis: RedisProcess) -> None:
    with pool_of(own_redis) as pool:
        first = pool.execute(("CLIENT", "ID"))
        pool.execute_each([("NOSUCHCOMMAND",), ("PING",)])
        with pytest.raises(RedisError):
            pool.execute(("NOSUCHCOMMAND",))

        assert pool.execute(("CLIENT", "ID")) == first


def test_what_came_before_a_connection_was_lost_is_kept(own_redis: RedisProcess) -> None:
    with pool_of(own_redis) as pool:
        replies = pool.execute_each([("ECHO", "a"), ("CLIENT", "KILL", "SKIPME", "no"), ("PING",)])

    assert replies[0] == b"a"
    assert isinstance(replies[2], ConnectionError)


def test_who_is_interrupted_leaves_no_reply_to_the_next(own_redis: RedisProcess) -> None:
    with pool_of(own_redis) as pool:
        former = pool.execute(("CLIENT", "ID"))

        def interrupted(primary: Primary) -> tuple[Any, ...]:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            pool.execute_each([("ECHO", "a"), interrupted])

        assert pool.execute(("CLIENT", "ID")) != former


def test_who_is_interrupted_at_the_first_look_takes_no_connection_away(
    own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool_of(own_redis, most=1) as pool:
        pool.execute(("PING",))

        def interrupt(connection: Any) -> bool:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(Connection, "can_read", interrupt)
            pool.execute(("PING",))

        assert pool.execute(("PING",)) == b"PONG"


@pytest.mark.unpatched
def test_a_forked_process_has_connections_of_its_own(own_redis: RedisProcess) -> None:
    sender = Sender(own_redis.url, RedisOptions(), 20.0)
    mine = sender.execute("CLIENT", "ID")
    theirs = int(in_fork(lambda: sender.execute("CLIENT", "ID")))

    assert theirs != mine == sender.execute("CLIENT", "ID")
    sender.close()
