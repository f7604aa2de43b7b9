"""The README's table of figures."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks._figures import README
from benchmarks._figures import RESULTS
from benchmarks._figures import rows
from benchmarks._figures import table
from benchmarks._figures import written


def test_the_readme_shows_the_latest_runs() -> None:
    text = README.read_text()
    assert written(text, table()) == text


def test_a_new_run_changes_its_row_and_nothing_else(tmp_path: Path) -> None:
    for result in RESULTS.glob("*.json"):
        (tmp_path / result.name).write_bytes(result.read_bytes())
    stack = json.loads((tmp_path / "stack.json").read_text())
    stack["added to a request, µs of CPU"]["ours: memory, 1 limit"] = 12345.0
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    before, after = list(rows()), list(rows(tmp_path))
    assert after[0].ours == 12345.0
    assert after[1:] == before[1:]
    renewed = written("Before\n" + written("", table()) + "\nAfter", table(tmp_path))
    assert renewed.startswith("Before\n") and renewed.endswith("\nAfter")
    assert "| 12,345 |" in renewed
    assert len(renewed.splitlines()) == len(table().splitlines()) + 4


def test_peers_are_the_best_of_them() -> None:
    costs = json.loads((RESULTS / "broadcast.json").read_text())["costs"]
    best = min(figures["idle_kib"] for name, figures in costs.items() if name != "flask_rf")
    assert best in {row.theirs for row in rows()}
