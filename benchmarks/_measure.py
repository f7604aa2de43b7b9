"""How benchmarks measure: cases take turns, round by round.

Whatever else the machine does then falls on all of them alike. Figures are medians of
rounds, and a ratio is one of medians from the same run.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any
from typing import NamedTuple

_RESULTS = Path(__file__).parent / "results"


class Cost(NamedTuple):
    """Microseconds an operation takes: of this process's CPU, and by the clock."""

    cpu: float
    wall: float


def interleaved(
    cases: Mapping[str, Callable[[], object]], calls: int, rounds: int
) -> dict[str, Cost]:
    """The median cost of a call of each case.

    :param calls: of a case in a round.
    :param rounds: after one that warms up.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in cases}
    for _ in range(rounds + 1):
        for name, call in cases.items():
            costs[name].append(_cost(call, calls))
    return {
        name: Cost(median(c.cpu for c in found[1:]), median(c.wall for c in found[1:]))
        for name, found in costs.items()
    }


def _cost(call: Callable[[], object], calls: int) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu * 1e6 / calls, wall * 1e6 / calls)


def caller(app: Any, path: str = "/", **headers: str) -> Callable[[], bytes]:
    """What makes one GET of ``app`` as a server would, without a client's own cost.

    :param headers: by their names in the environ (``HTTP_ORIGIN``).
    :returns: a function that returns the body.
    """

    def start_response(status: str, headers: list[Any], error: Any = None) -> Callable[..., Any]:
        assert status == "200 OK", status
        return lambda data: None

    def call() -> bytes:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            **headers,
        }
        body = app.wsgi_app(environ, start_response)
        content = b"".join(body)
        body.close()
        return content

    return call


def save(name: str, results: Mapping[str, Any]) -> None:
    """Keep a run's figures in results/NAME.json."""
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n")
