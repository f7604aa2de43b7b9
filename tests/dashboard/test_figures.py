"""The page's arithmetic: what several workers tell, added up. In Node, without a page."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import flask_rf
from flask_rf.dashboard.window import BOUNDS
from flask_rf.dashboard.window import sparse
from flask_rf.dashboard.window import Window

pytestmark = [pytest.mark.node, pytest.mark.servers]

SOURCE = Path(flask_rf.__file__).parent / "dashboard" / "static" / "figures.js"


def evaluate(expression: str, *told: tuple[str, dict[str, Any]], at: str = "of(data)") -> Any:
    """What an expression of ``figures`` comes to, once that was told.

    :param at: the viewer's clock when ``data`` comes; the worker's second by default.
    """
    node = shutil.which("node")
    if node is None:
        pytest.fail("no Node found: install it, or leave out -m 'not node'", pytrace=False)
    module = base64.b64encode(SOURCE.read_bytes()).decode()
    program = f"""
        const {{ Figures, percentile }} = await import("data:text/javascript;base64,{module}");
        const bounds = {json.dumps(BOUNDS)};
        const figures = new Figures(bounds);
        const of = (data) => data.second ?? data.curves.at(-1).second;
        for (const [event, data] of {json.dumps(told)}) figures.receive(event, data, {at});
        console.log(JSON.stringify({expression}));
    """
    command = [node, "--input-type=module", "--eval", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def now(worker: str, second: int, window: Window | None = None, **facts: Any) -> Any:
    window = window or Window()
    told = {
        "worker": worker,
        "second": second,
        "sockets": 0,
        "active": 0,
        "lost": [],
        "keys": {"denied": [], "near": []},
        "channels": {"count": 0, "largest": []},
        "health": None,
        "process": {"greenlets": True, "cpu": 0.1, "memory": 1, "uptime": 9},
        **window.curves(),
        **window.tables(),
        **facts,
    }
    return ("now", told)


def requests(*milliseconds: float, status: int = 200, route: str = "/") -> Window:
    window = Window()
    for each in milliseconds:
        window.request("GET", route, status, each / 1000)
    return window


def test_percentiles_are_read_from_buckets() -> None:
    window = requests(*range(1, 101))
    counts = json.dumps(dict(sparse(window.buckets)))
    shares = (0.5, 0.95, 0.99)
    found = evaluate(f"[{', '.join(f'percentile({counts}, bounds, {s})' for s in shares)}]")
    for value, exact in zip(found, (50, 95, 99), strict=True):
        assert value == pytest.approx(exact, rel=0.1)


def test_of_nothing_there_is_no_percentile() -> None:
    assert evaluate("percentile({}, bounds, 0.95)") is None


def test_workers_are_added_up() -> None:
    told = [
        now("a", 100, requests(4), sockets=3, active=1),
        now("b", 100, requests(4, 4, status=503), sockets=4),
        now("a", 101, sockets=3, active=1),
        now("b", 101, sockets=4),
    ]
    figures = evaluate("figures.now", *told)
    assert figures["rate"] == 3
    assert figures["errors"] == pytest.approx(2 / 3)
    assert (figures["sockets"], figures["active"]) == (7, 1)


def test_the_last_second_waits_until_all_have_told_of_it() -> None:
    told = [now("a", 100, requests(4)), now("b", 100, requests(4)), now("a", 101, requests(4))]
    assert evaluate("figures.curves.at(-1).classes", *told) == [0, 2, 0, 0, 0]


def test_seconds_that_nobody_told_of_are_left_open() -> None:
    assert evaluate("figures.curves.at(-1)", now("a", 90), now("a", 100)) is None
    assert evaluate("figures.curves.length", now("a", 90), now("a", 100)) == 120


def test_what_was_before_is_drawn_and_counts_for_no_second_twice() -> None:
    before = [{**requests(4).curves(), "second": s, "sockets": 1} for s in range(50, 100)]
    history = ("history", {"worker": "a", "curves": before})
    told = [now("a", 99, requests(4)), history, now("a", 100)]
    curves = evaluate("figures.curves", *told)
    counted = [sum(curve["classes"]) for curve in curves if curve]
    assert counted == [1] * 50


def test_a_worker_that_is_silent_counts_no_more() -> None:
    told = [now("a", 100, sockets=3), *(now("b", s, sockets=4) for s in range(100, 110))]
    assert evaluate("figures.workers.map((w) => w.worker)", *told) == ["b"]
    assert evaluate("figures.now.sockets", *told) == 4


def test_machines_whose_clocks_differ_are_added_up_all_the_same() -> None:
    told = []
    for second in range(100, 104):
        told += [now("a", second, requests(4)), now("b", second + 3600, requests(4))]
    at = "data.worker === 'b' ? of(data) - 3600 + 0.3 : of(data)"
    assert evaluate("figures.now.rate", *told, at=at) == 2
    assert evaluate("figures.routes[0].rate", *told, at=at) == 2
    assert evaluate("figures.workers.length", *told, at=at) == 2


def test_a_clock_that_is_set_back_costs_its_worker_the_past_and_nobody_else() -> None:
    told = [now("a", second, requests(4)) for second in range(4000, 4010)]
    told += [now("a", second, requests(4)) for second in range(400, 404)]
    at = "of(data) < 1000 ? of(data) + 3610 : of(data)"
    curves = evaluate("figures.curves.filter(Boolean).length", *told, at=at)
    assert curves == 3
    assert evaluate("figures.now.rate", *told, at=at) == 1


def test_routes_are_told_by_how_often_and_how_long() -> None:
    told = [
        now("a", 100, requests(10, 20, route="/a")),
        now("b", 100, requests(60, route="/a")),
        now("b", 101, requests(5, route="/b")),
    ]
    assert evaluate("figures.routes", *told) == [
        {"name": "GET /a", "rate": 1.5, "mean": 30, "worst": 60},
        {"name": "GET /b", "rate": 0.5, "mean": 5, "worst": 5},
    ]


def test_limits_that_deny_come_first() -> None:
    busy, denying = Window(), Window()
    for _ in range(4):
        busy.decision("60/minute", "allowed")
    denying.decision("5/minute", "denied")
    found = evaluate("figures.limits", now("a", 100, busy), now("b", 100, denying))
    assert [limit["name"] for limit in found] == ["5/minute", "60/minute"]
    assert found[0]["denied"] == 1 and found[1]["allowed"] == 4


def test_a_key_that_several_workers_denied_is_one() -> None:
    keys = {"denied": [["ann", "5/minute", 2, 0, 3.0]], "near": []}
    also = {"denied": [["ann", "5/minute", 1, 0, 1.0], ["bob", "5/minute", 1, 0, 2.0]], "near": []}
    told = now("a", 100, keys=keys), now("b", 100, keys=also)
    found = evaluate('figures.keys("denied")', *told)
    assert [(key["key"], key["times"], key["ago"]) for key in found] == [
        ("ann", 3, 1),
        ("bob", 1, 2),
    ]


def test_channels_are_told_of_all_servers_and_not_added_up() -> None:
    one = {"count": 2, "largest": [["chat", 9, 0], ["news", 4, 0]]}
    two = {"count": 1, "largest": [["chat", 9, 0]]}
    found = evaluate("figures.channels", now("a", 100, channels=one), now("b", 100, channels=two))
    assert found["count"] == 2 and found["exact"] is True
    assert [c["name"] for c in found["largest"]] == ["chat", "news"]


def test_more_channels_than_are_told_of_are_at_least_so_many() -> None:
    many = {"count": 500, "largest": [["chat", 9, 0]]}
    found = evaluate("figures.channels", now("a", 100, channels=many))
    assert (found["count"], found["exact"]) == (500, False)


def test_health_is_the_worst_that_any_worker_says() -> None:
    def health(status: str) -> dict[str, Any]:
        return {"status": status, "checks": {"redis": [{"status": status, "durationMs": 1}]}}

    told = now("a", 100, health=health("warn")), now("b", 100, health=health("pass"))
    found = evaluate("figures.health", *told)
    assert (found["status"], found["checks"][0]["status"]) == ("warn", "warn")
    assert evaluate("figures.health", now("a", 100)) is None


def test_a_redis_that_one_worker_lost_is_lost() -> None:
    told = now("a", 100, lost=["ratelimit"]), now("b", 100)
    assert evaluate("figures.now.redis.lost", *told) == ["ratelimit"]


def test_without_greenlets_no_loop_is_late() -> None:
    threads = {"greenlets": False, "cpu": 0, "memory": 1, "uptime": 1}
    assert evaluate("figures.now.late", now("a", 100, process=threads)) is None
