"""Results as tables and files, and whether they are what flask_rf promises."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

Figures = dict[str, float]

OURS = "flask_rf"
_FOLDER = Path(__file__).parents[1] / "results"
_COLUMNS = {
    "delivery_us": "CPU µs per delivery",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "volley_us": "CPU µs, 50 in flight",
    "volley_per_second": "deliveries/s, 50 in flight",
    "idle_kib": "KiB per idle connection",
    "handshake_us": "CPU µs per handshake",
}


class Promise(NamedTuple):
    """A figure flask_rf is to reach."""

    what: str
    figure: float
    wanted: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.figure >= self.wanted if self.at_least else self.figure <= self.wanted

    def __str__(self) -> str:
        word, bound = "reached" if self.reached else "MISSED", "≥" if self.at_least else "≤"
        return f"{word}: {self.what}: {self.figure:,.2f} (wanted {bound} {self.wanted:,.2f})"


def _machine() -> dict[str, str]:
    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    return {
        "cpu": f"{os.cpu_count()} × {cpu}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "gevent": version("gevent"),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }


@dataclass
class Results:
    """All figures of one run.

    :ivar costs: each contender's.
    :ivar crowd: plain requests beside very many sockets.
    :ivar stalled: 999 clients beside one that does not read.
    :ivar absent: who did not take part, and why.
    """

    quick: bool
    machine: dict[str, str] = field(default_factory=_machine)
    absent: dict[str, str] = field(default_factory=dict)
    costs: dict[str, Figures] = field(default_factory=dict)
    crowd: Figures = field(default_factory=dict)
    stalled: Figures = field(default_factory=dict)

    def promises(self) -> Iterator[Promise]:
        if OURS in self.costs:
            yield from self._of_deliveries(self.costs[OURS])
        if self.crowd:
            yield from self._of_the_crowd()
        if self.stalled:
            yield from self._of_the_stalled()

    def _of_deliveries(self, ours: Figures) -> Iterator[Promise]:
        peers = [figures for name, figures in self.costs.items() if name != OURS]
        yield Promise("CPU µs per delivery", ours["delivery_us"], 8)
        if peers:
            best = min(figures["delivery_us"] for figures in peers)
            yield Promise("CPU of the best peer's per delivery", ours["delivery_us"] / best, 1)
        yield Promise("p50, ms", ours["p50_ms"], 10)
        yield Promise("p99, ms", ours["p99_ms"], 15)
        rate = 1e6 / ours["volley_us"]
        yield Promise("deliveries per second of CPU, 50 in flight", rate, 1e6, at_least=True)
        if peers:
            best = 1e6 / min(figures["volley_us"] for figures in peers)
            yield Promise("of those, as many as the best peer's", rate / best, 8, at_least=True)
        yield Promise("KiB per idle connection", ours["idle_kib"], 8)

    def _of_the_crowd(self) -> Iterator[Promise]:
        alone, idle = self.crowd["alone_p50_ms"], self.crowd["idle_p50_ms"]
        yield Promise("KiB per idle connection of 10 000", self.crowd["idle_kib"], 8)
        yield Promise("plain request beside 10 000 sockets, ratio of p50", idle / alone, 2)
        added = self.crowd["fan_out_p99_ms"] - self.crowd["idle_p99_ms"]
        yield Promise("plain request during fan-outs to 10 000, p99 added, ms", added, 10)

    def _of_the_stalled(self) -> Iterator[Promise]:
        ratio = self.stalled["stalled_p99_ms"] / self.stalled["reading_p99_ms"]
        yield Promise("one stalled reader: p99 of the others, ratio", ratio, 1.2)
        memory = self.stalled["stalled_memory_kib"]
        yield Promise("one stalled reader: memory grows by KiB", memory, 2048)
        closed = self.stalled["stalled_closed"]
        yield Promise("one stalled reader: closed with 4100", closed, 1, at_least=True)

    def write(self) -> None:
        """Print the tables; keep them, and the figures behind them."""
        text = "\n".join(self._lines())
        print(text)
        _FOLDER.mkdir(exist_ok=True)
        (_FOLDER / "broadcast.md").write_text(text + "\n")
        figures = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (_FOLDER / "broadcast.json").write_text(figures + "\n")

    def _lines(self) -> Iterator[str]:
        yield "# Broadcasting: 1 000 clients, 232-byte messages, Redis in between\n"
        yield "; ".join(f"{key}: {value}" for key, value in self.machine.items()) + "\n"
        yield "| | " + " | ".join(_COLUMNS.values()) + " |"
        yield "|---" * (len(_COLUMNS) + 1) + "|"
        for name, figures in self.costs.items():
            cells = (_cell(figures[key]) for key in _COLUMNS)
            yield f"| {name} | " + " | ".join(cells) + " |"
        for name, reason in self.absent.items():
            yield f"| {name} | absent: {reason} |" + " |" * (len(_COLUMNS) - 1)
        yield ""
        for title, figures in (("10 000 sockets", self.crowd), ("A stalled one", self.stalled)):
            if figures:
                cells = (f"{key} {_cell(value)}" for key, value in figures.items())
                yield f"{title}: " + ", ".join(cells) + "\n"
        for promise in self.promises():
            yield f"- {promise}"


def _cell(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
