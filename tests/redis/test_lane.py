from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import gevent
import gevent.os
import pytest
from redis.exceptions import ConnectionError
from redis.exceptions import ReadOnlyError
from redis.exceptions import ResponseError

import flask_rf.redis.lane as lane
import flask_rf.redis.primary as primary
from flask_rf.redis import RedisOptions
from flask_rf.redis.link import Link
from flask_rf.redis.sender import Sender
from tests.parts.forks import in_fork
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess


def sender(
    server: RedisProcess, timeout: float = 60.0, dial: float = 20.0, **options: Any
) -> Sender:
    return Sender(server.url, RedisOptions(timeout=dial, connect_timeout=dial, **options), timeout)


def together(*functions: Any) -> list[Any]:
    """Run functions in greenlets of their own; returns what they returned or raised."""

    def outcome(function: Any) -> Any:
        try:
            return function()
        except Exception as error:
            return error

    greenlets = [gevent.spawn(outcome, function) for function in functions]
    gevent.get_hub().loop.update_now()  # other tests may have left the loop standing for long
    gevent.joinall(greenlets, timeout=60)
    return [greenlet.value for greenlet in greenlets]


def connect(lane: Sender) -> None:
    """Have ``lane`` connected, however many attempts a busy machine needs."""
    wait_until(lambda: together(lambda: lane.execute("PING")) == [b"PONG"])


def clients(server: RedisProcess) -> set[str]:
    own = server.client.client_id()
    return {one["id"] for one in server.client.client_list() if one["id"] != str(own)}


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What links write, write by write."""
    written: list[bytes] = []
    write = Link.write

    def record(self: Link, data: bytes) -> None:
        written.append(data)
        write(self, data)

    monkeypatch.setattr(Link, "write", record)
    yield written


def test_every_greenlet_gets_the_reply_to_its_own_command(redis_server: RedisProcess) -> None:
    lane = sender(redis_server)

    def ask(n: int) -> list[bytes]:
        return [lane.execute("ECHO", f"{n}-{i}") for i in range(20)]

    replies = together(*(lambda n=n: ask(n) for n in range(50)))

    assert replies == [[f"{n}-{i}".encode() for i in range(20)] for n in range(50)]


def test_all_greenlets_share_one_connection(own_redis: RedisProcess) -> None:
    lane, before = sender(own_redis), clients(own_redis)

    together(*(lambda: lane.execute("PING") for _ in range(50)))

    assert len(clients(own_redis) - before) == 1


def test_commands_of_one_turn_are_written_together(
    redis_server: RedisProcess, writes: list[bytes]
) -> None:
    lane = sender(redis_server)
    together(lambda: lane.execute("PING"))
    writes.clear()

    together(*(lambda: lane.execute("PING") for _ in range(15)))

    assert [data.count(b"PING") for data in writes if b"PING" in data] == [15]


def test_a_server_begins_with_many_commands_while_the_turn_goes_on(
    redis_server: RedisProcess, writes: list[bytes]
) -> None:
    lane = sender(redis_server)
    together(lambda: lane.execute("PING"))
    writes.clear()

    together(*(lambda: lane.execute("PING") for _ in range(40)))

    assert [data.count(b"PING") for data in writes if b"PING" in data] == [16, 16, 8]


def test_a_connection_that_breaks_in_the_middle_of_a_turn_loses_no_greenlet(
    redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane, send = sender(redis_server), Link._send

    def send_on_a_broken_pipe(link: Link) -> None:
        link._socket.shutdown(socket.SHUT_WR)
        send(link)

    together(lambda: lane.execute("PING"))
    with monkeypatch.context() as broken:
        broken.setattr(Link, "_send", send_on_a_broken_pipe)
        outcomes = together(*(lambda: lane.execute("PING") for _ in range(20)))

    assert all(isinstance(outcome, ConnectionError) for outcome in outcomes)
    assert together(lambda: lane.execute("PING")) == [b"PONG"]


def test_outside_of_greenlets_the_pool_does_the_same(
    redis_server: RedisProcess, writes: list[bytes]
) -> None:
    assert sender(redis_server).execute("ECHO", "a") == b"a"
    assert not [data for data in writes if b"ECHO" in data]


def test_an_error_reaches_the_greenlet_that_caused_it(redis_server: RedisProcess) -> None:
    lane = sender(redis_server)

    outcomes = together(
        lambda: lane.execute("ECHO", "a"),
        lambda: lane.execute("NOSUCHCOMMAND"),
        lambda: lane.execute("ECHO", "b"),
    )

    assert (outcomes[0], outcomes[2]) == (b"a", b"b")
    assert isinstance(outcomes[1], ResponseError)


def test_the_reply_to_a_greenlet_that_gave_up_goes_to_nobody_else(
    redis_server: RedisProcess,
) -> None:
    lane = sender(redis_server)
    together(lambda: lane.execute("PING"))

    def give_up() -> str:
        with gevent.Timeout(0.01, False):
            lane.execute("BLPOP", "nothing", "0.1")
        return "gave up"

    outcomes = together(give_up, lambda: lane.execute("ECHO", "a"))

    assert outcomes == ["gave up", b"a"]
    assert together(lambda: lane.execute("ECHO", "b")) == [b"b"]


def test_a_silent_server_keeps_nobody_longer_than_the_timeout(own_redis: RedisProcess) -> None:
    lane = sender(own_redis, timeout=0.1, dial=0.5)
    connect(lane)
    own_redis.pause()

    began = time.monotonic()
    outcomes = together(*(lambda: lane.execute("ECHO", "late") for _ in range(100)))
    waited = time.monotonic() - began
    own_redis.resume()

    assert all(isinstance(outcome, ConnectionError) for outcome in outcomes)
    assert "no reply within 100 ms" in str(outcomes[0])
    assert waited < 5  # one after the other they would wait for ten

    def fresh() -> bool:
        (outcome,) = together(lambda: lane.execute("ECHO", "fresh"))
        assert outcome == b"fresh" or isinstance(outcome, ConnectionError)
        return outcome == b"fresh"

    wait_until(fresh)


def test_a_silent_server_cannot_be_dialled_for_longer_than_the_timeout(
    own_redis: RedisProcess,
) -> None:
    lane = sender(own_redis, timeout=0.1, dial=0.5)
    own_redis.pause()

    (outcome,) = together(lambda: lane.execute("PING"))
    own_redis.resume()

    assert isinstance(outcome, ConnectionError)


@pytest.mark.parametrize("end", ["timeout", "kill"])
def test_a_dial_that_comes_to_no_end_is_begun_anew(
    redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """As where a server answers byte by byte, for minutes."""
    dials: list[Any] = []

    def endless(connection: Any) -> Any:
        dials.append(gevent.getcurrent())
        return gevent.sleep(60) if len(dials) == 1 else primary.ask(connection)

    monkeypatch.setattr(lane, "_DIAL", 1.0 if end == "timeout" else 60.0)
    monkeypatch.setattr(lane, "ask", endless)
    one = sender(redis_server, timeout=0.5)

    def stubborn() -> Any:
        for _ in range(40):
            try:
                return one.execute("PING")
            except ConnectionError:
                if end == "kill":
                    dials[0].kill()

    assert together(stubborn) == [b"PONG"]


def test_a_busy_loop_is_not_taken_for_a_silent_server(redis_server: RedisProcess) -> None:
    lane = sender(redis_server, timeout=0.1)
    connect(lane)

    def hold() -> None:
        time.sleep(0.3)
        redis_server.client.ping()  # by now the server has answered whatever it was asked

    outcomes = together(
        lambda: lane.execute("ECHO", "a"),
        hold,
        lambda: lane.execute("ECHO", "b"),
        lambda: gevent.sleep(0.001) or hold(),
    )

    assert (outcomes[0], outcomes[2]) == (b"a", b"b")


def test_after_a_restart_the_next_command_dials_anew(own_redis: RedisProcess) -> None:
    lane = sender(own_redis)
    together(lambda: lane.execute("PING"))

    own_redis.restart()
    gevent.sleep(0.05)

    assert together(lambda: lane.execute("ECHO", "a")) == [b"a"]


def test_a_refused_connection_is_an_error_to_all_who_wait(own_redis: RedisProcess) -> None:
    lane = sender(own_redis)
    own_redis.kill()

    outcomes = together(*(lambda: lane.execute("PING") for _ in range(5)))

    assert all(isinstance(outcome, ConnectionError) for outcome in outcomes)
    assert len({id(outcome) for outcome in outcomes}) == 5


def test_connections_that_have_ended_are_not_held_against_the_next(own_redis: RedisProcess) -> None:
    lane = sender(own_redis, max_connections=1)
    for _ in range(3):
        assert together(lambda: lane.execute("ECHO", "a")) == [b"a"]
        own_redis.restart()
        gevent.sleep(0.05)
    lane.close()
    gevent.sleep(0.05)


def test_a_connection_the_server_cut_is_an_error_to_all_who_wait(own_redis: RedisProcess) -> None:
    lane = sender(own_redis)
    together(lambda: lane.execute("PING"))

    outcomes = together(
        lambda: lane.execute("BLPOP", "nothing", "10"),
        lambda: gevent.sleep(0.05) or own_redis.client.client_kill_filter(_type="normal"),
    )

    assert isinstance(outcomes[0], ConnectionError)
    assert together(lambda: lane.execute("ECHO", "a")) == [b"a"]


def test_replies_nobody_asked_for_end_the_connection(own_redis: RedisProcess) -> None:
    lane = sender(own_redis)
    together(lambda: lane.execute("MONITOR"))
    before = clients(own_redis)

    own_redis.client.set("a", "b")

    wait_until(lambda: gevent.sleep(0.01) or not clients(own_redis) & before)
    assert together(lambda: lane.execute("ECHO", "a")) == [b"a"]


def test_a_server_that_is_no_primary_any_more_is_left(own_redis: RedisProcess) -> None:
    lane = sender(own_redis)
    together(lambda: lane.execute("PING"))
    before = clients(own_redis)
    own_redis.client.replicaof("127.0.0.1", 1)

    (outcome,) = together(lambda: lane.execute("SET", "a", "b"))
    together(lambda: lane.execute("PING"))

    assert isinstance(outcome, ReadOnlyError)
    wait_until(lambda: not clients(own_redis) & before)


@pytest.mark.unpatched
@pytest.mark.parametrize("destroyed", [False, True])
def test_the_connection_of_a_thread_that_has_ended_is_closed(
    own_redis: RedisProcess, destroyed: bool
) -> None:
    one = sender(own_redis)

    def ask() -> None:
        replies.append(together(lambda: one.execute("PING")))
        if destroyed:
            gevent.get_hub().destroy(destroy_loop=True)

    before, replies = len(clients(own_redis)), list[Any]()
    for _ in range(10):
        thread = Thread(target=ask)
        thread.start()
        thread.join()
    assert replies == [[b"PONG"]] * 10
    # Of threads that follow one another, one may look like the other.
    wait_until(lambda: len(clients(own_redis)) <= before + 2)
    one.close()


def test_a_forked_process_dials_for_itself(redis_server: RedisProcess) -> None:
    lane = sender(redis_server)
    (mine,) = together(lambda: lane.execute("CLIENT", "ID"))
    fork = gevent.os.fork_gevent
    theirs = in_fork(lambda: together(lambda: lane.execute("CLIENT", "ID"))[0], fork)

    assert int(theirs) != mine
    assert together(lambda: lane.execute("CLIENT", "ID")) == [mine]


def test_a_greenlet_that_fails_after_its_reply_harms_no_other(
    redis_server: RedisProcess,
) -> None:
    lane = sender(redis_server)

    def fail() -> None:
        lane.execute("PING")
        raise ZeroDivisionError

    outcomes = together(fail, lambda: lane.execute("ECHO", "a"))

    assert isinstance(outcomes[0], ZeroDivisionError)
    assert outcomes[1] == b"a"


def test_keys_are_found_by_pattern(redis_server: RedisProcess) -> None:
    redis_server.client.mset({f"a:{n}": 1 for n in range(3)} | {"b": 1})

    assert sorted(sender(redis_server).scan("a:*")) == [b"a:0", b"a:1", b"a:2"]


def test_an_address_shows_no_password() -> None:
    assert "secret" not in Sender("redis://:secret@localhost/0", RedisOptions(), 1.0).address


def test_to_get_ready_waits_for_no_server() -> None:
    Sender("redis://127.0.0.1:1/0", RedisOptions(), 1.0).prepare()
