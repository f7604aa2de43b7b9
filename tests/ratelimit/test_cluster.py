from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask import request
from redis.exceptions import ConnectionError
from redis.exceptions import RedisError

from flask_rf import Limiter
from flask_rf.ratelimit.cluster import ClusterStore
from flask_rf.ratelimit.commands import limits_command
from tests.parts.cluster import RedisClusterProcesses
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.ratelimit.worlds import claim
from tests.ratelimit.worlds import policy
from tests.ratelimit.worlds import Raw
from tests.ratelimit.worlds import World


class Slots(Raw):
    """A Cluster, as far as a store can tell: no script sees keys of several slots.

    :ivar turns: the commands sent side by side, turn by turn.
    :ivar lost: a tag whose server does not answer, though it does what it is told.
    """

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.turns: list[list[Any]] = []
        self.lost = ""

    def execute_each(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        self.turns.append([command[0] for command in commands])
        return [self._outcome(*command) for command in commands]

    def _outcome(self, *command: Any) -> Any:
        (tag,) = {key.partition("{")[2] for key in command[3 : 3 + command[2]]}
        try:
            reply = self.execute(*command)
            return ConnectionError("lost") if tag == f"{self.lost}}}" else reply
        except RedisError as error:
            return error


@pytest.fixture
def slots(redis_server: RedisProcess) -> Slots:
    return Slots(redis_server.client)


@pytest.fixture
def world(slots: Slots) -> World:
    world = World()
    world.store = ClusterStore(slots)
    return world


def test_slots_are_asked_side_by_side(world: World, slots: Slots) -> None:
    limit = policy("9/minute")
    asked = [claim(limit, client=client) for client in ("ann", "bob", "cid")]
    world.take(*asked)  # makes the scripts known
    slots.turns.clear()

    verdicts = world.take(*asked)

    assert slots.turns == [["EVALSHA"] * 3]
    assert [verdict.remaining for verdict in verdicts] == [7, 7, 7]


def test_a_server_that_forgot_the_script_is_sent_it_again(world: World, slots: Slots) -> None:
    slots.execute("SCRIPT", "FLUSH")

    verdicts = world.take(*[claim(policy("9/minute"), client=client) for client in ("ann", "bob")])

    assert [verdict.remaining for verdict in verdicts] == [8, 8]


def test_a_denial_in_one_slot_gives_back_what_the_others_took(world: World) -> None:
    narrow, wide = policy("1/minute"), policy("9/minute", scope="all")
    both = (claim(wide, client="everyone"), claim(narrow, client="ann"))
    world.take(*both)

    told = [world.take(*both) for _ in range(3)]

    assert [(w.allowed, w.remaining, n.allowed) for w, n in told] == [(True, 8, False)] * 3
    assert world.hit(wide, cost=0, client="everyone").remaining == 8


def test_a_shadow_in_another_slot_gives_nothing_back(world: World) -> None:
    both = (
        claim(policy("9/minute"), client="ann"),
        claim(policy("1/minute", scope="all", shadow=True), client="everyone"),
    )

    assert [world.take(*both)[0].remaining for _ in range(3)] == [8, 7, 6]


def test_a_lost_slot_gives_back_what_the_others_took(world: World, slots: Slots) -> None:
    limit = policy("9/minute")
    slots.lost = "bob"

    with pytest.raises(ConnectionError):
        world.take(claim(limit, client="ann"), claim(limit, client="bob"))

    assert world.hit(limit, cost=0, client="ann").remaining == 9


def test_a_lease_of_a_lost_slot_is_ended_once_it_is_found(world: World, slots: Slots) -> None:
    lease = policy("1/minute", lease=True)
    both = claim(lease, client="ann"), claim(lease, client="bob")
    slots.lost = "bob"
    with pytest.raises(ConnectionError):
        world.take(*both)
    slots.lost = ""

    assert [verdict.allowed for verdict in world.take(*both)] == [True, True]


def count_on(node: RedisProcess, key: str) -> float:
    try:
        return int(node.client.zcard(key))
    except RedisError:  # it has not heard from the others yet
        return math.nan


@pytest.fixture
def cluster(tmp_path: Any) -> Iterator[RedisClusterProcesses]:
    processes = RedisClusterProcesses(tmp_path)
    yield processes
    processes.stop()


def test_a_real_cluster_counts_lists_clears_and_loses_a_node(
    app: Flask, cluster: RedisClusterProcesses, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Limiter(app, redis_url=cluster.url, timeout=5.0)
    by_user = limiter.limit("3/minute", key_func=lambda: request.args["user"])
    by_all = limiter.limit("100/minute", key_func=lambda: "everyone", override_defaults=False)
    app.add_url_rule("/a", "a", by_user(by_all(lambda: "a")))

    def codes(user: str, times: int) -> list[int]:
        client = app.test_client()
        return [client.get(f"/a?user={user}").status_code for _ in range(times)]

    users = [f"user-{n}" for n in range(6)]
    assert [codes(user, 4) for user in users] == [[200, 200, 200, 429]] * 6
    everyone = "shop:1:rl:w100/60:a:{everyone}"
    assert cluster.holder_of(everyone).client.zcard(everyone) == 18

    runner = app.test_cli_runner()
    assert "0 of 3" in runner.invoke(limits_command, ["show", "user-1"]).output
    assert "Cleared 1 count" in runner.invoke(limits_command, ["clear", "user-1"]).output
    assert codes("user-1", 1) == [200]

    lost = cluster.holder_of(everyone)
    lost.kill()
    began = time.monotonic()
    assert codes("user-9", 20) == [200] * 3 + [429] * 17
    assert time.monotonic() - began < 15

    lost.start()
    users_to_come = (f"later-{n}" for n in itertools.count())

    def counts_again() -> bool:
        before, told = count_on(lost, everyone), codes(next(users_to_come), 4)
        return told == [200, 200, 200, 429] and count_on(lost, everyone) == before + 3

    wait_until(counts_again, what="right counts")
    told = [record.getMessage() for record in caplog.records if record.name == "flask_rf"]
    assert [line.partition(" Redis")[0] for line in told] == [
        "Rate limits go on without",
        "Rate limits are back on",
    ]


@pytest.mark.parametrize("strategy", ["sliding-window", "fixed-window"])
def test_a_limit_is_kept_to_the_last_request_while_its_slot_moves(
    app: Flask, cluster: RedisClusterProcesses, strategy: str
) -> None:
    limiter = Limiter(app, redis_url=cluster.url, timeout=5.0, strategy=strategy)
    app.add_url_rule("/a", "a", limiter.limit("800/hour")(lambda: "a"))

    let_in = [0] * 4

    def ask_until_denied(n: int) -> None:
        client = app.test_client()
        while client.get("/a").status_code == 200:
            let_in[n] += 1

    assert app.test_client().get("/a").status_code == 200
    (key,) = [key.decode() for node in cluster.nodes for key in node.client.keys()]
    at, moves = cluster.nodes.index(cluster.holder_of(key)), 0
    with ThreadPoolExecutor(4) as threads:
        askers = [threads.submit(ask_until_denied, n) for n in range(4)]

        def have_gone_on(since: list[int]) -> bool:
            pairs = zip(since, let_in, strict=True)
            return all(a.done() or now > then for a, (then, now) in zip(askers, pairs, strict=True))

        while not all(asker.done() for asker in askers):
            source, target = cluster.nodes[at], cluster.nodes[(at + 1) % 3]
            cluster.move_slot(key, source, target)
            at, moves = (at + 1) % 3, moves + 1
            # A request that a server was to be asked while it took the slot over must not reach
            # it when it does so again.
            since = let_in.copy()
            wait_until(lambda since=since: have_gone_on(since))  # type: ignore[misc]

    assert [asker.result() for asker in askers] == [None] * 4
    assert sum(let_in) == 799
    assert moves > 1
