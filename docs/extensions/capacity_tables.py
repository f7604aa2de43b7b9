"""The directive ``capacity-table``: what things cost and what carries them, as measured."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks._plan import BUSY  # noqa: E402
from benchmarks._plan import Figures  # noqa: E402
from benchmarks._plan import Load  # noqa: E402
from benchmarks._plan import measured  # noqa: E402
from benchmarks._plan import plan  # noqa: E402
from benchmarks._plan import RESULTS  # noqa: E402
from benchmarks._plan import SOCKETS_A_WORKER  # noqa: E402

Row = tuple[str, ...]

_EXAMPLES = {
    "A shop: 200 requests a second of 10 ms, one limit, orders shown as they come": Load(
        requests=200, own=10, limits=1, clients=20_000, sockets=2_000, events=20, listeners=5
    ),
    "An API: 3 000 requests a second of 2 ms, three limits": Load(
        requests=3_000, own=2, limits=3, clients=200_000
    ),
    "A chat: 50 000 sockets, 100 messages a second to 200 each": Load(
        requests=150, own=2, limits=1, clients=50_000, sockets=50_000, events=100, listeners=200
    ),
    "A ticker: 100 000 sockets, 2 events a second to all": Load(
        sockets=100_000, events=2, listeners=100_000
    ),
}


class CapacityTable(SphinxDirective):
    """One of the tables by name: ``costs``, ``worker``, ``redis`` or ``examples``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        for results in RESULTS.glob("*.json"):
            self.env.note_dependency(str(results))
        rows = _TABLES[self.arguments[0]](measured())
        return self.parse_text_to_nodes("\n".join(_as_list_table(list(rows))))


def costs(figures: Figures) -> Iterator[Row]:
    fixed, each = figures.publish
    yield ("What", "Name below", "Costs")
    for limits, cost in figures.request.items():
        words = {0: "no limit", 1: "one limit", 3: "three limits"}[limits]
        yield (f"a request, everything on, {words}", f"``request[{limits}]``", f"{cost:.0f} µs")
    yield ("an event, to one socket", "``delivery``", f"{figures.delivery:.1f} µs")
    yield ("a new socket", "``handshake``", f"{figures.handshake:,.0f} µs")
    yield ("an idle socket", "``socket``", f"{figures.socket:.1f} KiB")
    yield ("a worker", "``worker``", f"{figures.worker:.0f} MiB")
    for limits in (1, 3):
        words = {1: "one limit", 3: "three limits"}[limits]
        cost = figures.decision[limits]
        yield (f"Redis: a decision, {words}", f"``decision[{limits}]``", f"{cost:.0f} µs")
    yield ("Redis: an event", "``publish``", f"{fixed:.0f} µs, and {each:.1f} µs for each worker")
    yield ("Redis: to keep it in a history", "``keep``", f"{figures.keep:.0f} µs more")
    for name, size in figures.count.items():
        yield (f"Redis: {name}", f"``count``, {name}", f"{size:,.0f} bytes")


def worker(figures: Figures) -> Iterator[Row]:
    yield ("One worker, on one core", f"at {BUSY:.0%}")
    for own in (0, 5, 20):
        rate = BUSY * 1e6 / (figures.request[1] + own * 1000)
        yield (f"requests a second, one limit, {own} ms of the app's own", f"{rate:,.0f}")
    yield ("deliveries a second, one by one", f"{BUSY * 1e6 / figures.delivery:,.0f}")
    memory = figures.worker + SOCKETS_A_WORKER * figures.socket / 1024
    yield ("idle sockets", f"{SOCKETS_A_WORKER:,}, in {memory:.0f} MiB")
    back = SOCKETS_A_WORKER * figures.handshake / 1e6
    yield ("after all of them were lost at once, back within", f"{back:.0f} s")


def redis(figures: Figures) -> Iterator[Row]:
    fixed, each = figures.publish
    yield ("One Redis, which uses one core", f"at {BUSY:.0%}")
    for limits, words in ((1, "one limit"), (3, "three limits")):
        rate = BUSY * 1e6 / figures.decision[limits]
        yield (f"decisions a second, {words}", f"{rate:,.0f}")
    for workers in (4, 16, 64):
        rate = BUSY * 1e6 / (fixed + each * workers)
        yield (f"events a second, to {workers} workers", f"{rate:,.0f}")
    for count in ("sliding-counter", "sliding-window, 100 requests"):
        fit = 0.8 * 256 * 1024**2 / figures.count[count]
        yield (f"counts in 256 MiB, {count}", f"{fit:,.0f}")


def examples(figures: Figures) -> Iterator[Row]:
    yield ("Load", "Workers", "Their memory", "Redis's core", "Its counts")
    for words, load in _EXAMPLES.items():
        found = plan(load, figures)
        yield (
            words,
            str(found.workers),
            f"{found.memory:,.0f} MiB",
            f"{found.redis:.1%}",
            f"{found.redis_memory:,.0f} MiB",
        )


_TABLES: dict[str, Any] = {"costs": costs, "worker": worker, "redis": redis, "examples": examples}


def _as_list_table(rows: Iterable[Row]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "")
    for first, *others in rows:
        yield f"   * - {first}"
        yield from (f"     - {cell}" for cell in others)
    yield ""


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("capacity-table", CapacityTable)
    return {"parallel_read_safe": True}
