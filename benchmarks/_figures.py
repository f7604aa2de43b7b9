"""The table of figures in the README, from the latest runs: ``python3 -m benchmarks._figures``.

``python3 dev.py bench`` ends with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

from benchmarks._plan import RESULTS

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- figures, by benchmarks/_figures.py -->\n", "<!-- end of figures -->"

STACK = "the usual stack: these libraries, and an id by hand"
#: Cases of two benchmarks, in words.
CASES = {"memory, 1 limit": "a limit in memory", "Redis, 3 limits": "three limits in Redis"}


class Row(NamedTuple):
    """One thing measured.

    :param what: with its unit.
    :param others: the best of them and what it is.
    """

    what: str
    ours: float
    theirs: float
    others: str

    def __str__(self) -> str:
        return f"| {self.what} | {_short(self.ours)} | {_short(self.theirs)} | {self.others} |"


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.2g}"


def rows(folder: Path = RESULTS) -> Iterator[Row]:
    """What the README tells, of results in ``folder``."""
    stack = _read(folder, "stack")["added to a request, µs of CPU"]
    for case, words in CASES.items():
        what = f"added to a request by everything, {words}"
        yield Row(what, stack[f"ours: {case}"], stack[f"theirs: {case}"], STACK)
    yield from _limits(_read(folder, "ratelimit"))
    http = _read(folder, "http")
    yield from _each_request(http)
    metrics = _read(folder, "metrics")["added to a request, µs of CPU"]["one process"]
    exporter = "prometheus-flask-exporter"
    yield Row("added to a request by metrics", metrics["ours"], metrics[exporter], exporter)
    yield from _bodies(http)
    yield from _events(_read(folder, "broadcast")["costs"])
    files = _read(folder, "storage")["512 MiB"]
    names = ("ours, gevent: S3", "boto3, threads", "boto3, gevent, use_threads=False")
    ours, threads, serial = (files[name]["upload speed"] for name in names)
    what = "512 MiB to S3 beside an event loop, **MiB/s**"
    yield Row(
        what, ours, threads, f"boto3's own threads, with no loop to spare; {serial:.0f} beside one"
    )


def _limits(found: dict[str, Any]) -> Iterator[Row]:
    added = found["added to a request, µs"]
    for case, words in CASES.items():
        ours, theirs = (added[f"{whose}: {case}"]["cpu"] for whose in ("ours", "theirs"))
        yield Row(f"added to a request by {words}", ours, theirs, "Flask-Limiter")
    checks = found["a check among greenlets, µs"]
    ours, theirs = checks["ours: exact"]["cpu"], checks["theirs: exact"]["cpu"]
    yield Row("an exact limit in Redis, asked by 64 greenlets at once", ours, theirs, "limits")


def _each_request(found: dict[str, Any]) -> Iterator[Row]:
    small, theirs = found["a small JSON response, µs of CPU"], "Flask-Cors and Flask-Compress"
    what = "added to a request by request id, CORS, compression"
    yield Row(what, small["ours: all three"], small[f"theirs: {theirs}"], f"{theirs}, no id")


def _bodies(found: dict[str, Any]) -> Iterator[Row]:
    large = found["100 kB of JSON, µs of CPU and ratio"]
    for coding in ("zstd", "gzip"):
        ours, cost = large[f"ours: {coding}"]["cpu"], large[f"theirs: {coding}"]["cpu"]
        yield Row(f"100 kB of JSON as {coding}, the whole request", ours, cost, "Flask-Compress")


def _events(costs: dict[str, dict[str, float]]) -> Iterator[Row]:
    ours = costs["flask_rf"]
    peers = {name: figures for name, figures in costs.items() if figures is not ours}
    for key, what in (
        ("delivery_us", "an event to one of 1000 sockets"),
        ("volley_us", "the same with 50 events in flight"),
        ("idle_kib", "an idle socket, **KiB**"),
    ):
        best = min(peers, key=lambda name: peers[name][key])
        known = "Flask-SocketIO"
        others = f"{best}, the best of {len(peers)}; {known} {_short(peers[known][key])}"
        yield Row(what, ours[key], peers[best][key], others)


def table(folder: Path = RESULTS) -> str:
    """Markdown."""
    head = ["| µs of CPU | flask_rf | others | which |", "|---|--:|--:|---|"]
    return "\n".join([*head, *map(str, rows(folder)), ""])


def written(readme: str, new: str) -> str:
    """``readme`` with ``new`` in place of its table."""
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}{new}{END}{rest.partition(END)[2]}"


def _read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


if __name__ == "__main__":
    README.write_text(written(README.read_text(), table()))
    print(f"The table in {README.name} is renewed.")
