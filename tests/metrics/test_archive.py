"""Dead workers' files become one, and what is read stays the same."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from flask_rf.metric_files import mark_dead
from flask_rf.metrics.archive import compact

#: Kinds of file, by what becomes of their values.
KINDS = ("counter", "histogram", "summary", "gauge_sum", "gauge_min", "gauge_max")


def write(folder: Path, kind: str, pid: int, values: Mapping[str, float], time: float = 0) -> None:
    file = MmapedDict(str(folder / f"{kind}_{pid}.db"))
    for label, value in values.items():
        file.write_value(key(kind, label), value, time)
    file.close()


def key(kind: str, label: str) -> str:
    if kind == "histogram":
        return mmap_key(kind, f"{kind}_bucket", ["le"], [label], "")
    name = f"{kind}_total" if kind == "counter" else kind
    return mmap_key(kind, name, ["label"], [label], "")


def read(folder: Path) -> dict[str, float]:
    metrics = MultiProcessCollector.merge([str(file) for file in folder.glob("*.db")])
    return {
        json.dumps([sample.name, sample.labels], sort_keys=True): sample.value
        for metric in metrics
        for sample in metric.samples
    }


worker = st.dictionaries(
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(["1", "5", "10"]), st.integers(0, 1000), min_size=1),
)


@given(st.lists(st.tuples(worker, st.booleans()), max_size=6), st.booleans())
def test_totals_are_equal_before_and_after(
    workers: list[tuple[dict[str, dict[str, float]], bool]], twice: bool
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        for pid, (kinds, _) in enumerate(workers, 1):
            for kind, values in kinds.items():
                write(folder, kind, pid, values)
        before = read(folder)
        for pid, (_, dies) in enumerate(workers, 1):
            if dies:
                mark_dead(folder, pid)
                if twice:
                    compact(folder)
        assert read(folder) == before
        compact(folder)
        assert read(folder) == before
        alive = {pid for pid, (_, dies) in enumerate(workers, 1) if not dies}
        left = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
        assert left <= {"archive", *map(str, alive)}
    finally:
        shutil.rmtree(folder)


def test_the_most_recent_of_a_gauge_stays(tmp_path: Path) -> None:
    write(tmp_path, "gauge_mostrecent", 1, {"x": 5}, time=200)
    write(tmp_path, "gauge_mostrecent", 2, {"x": 9}, time=100)
    before = read(tmp_path)
    mark_dead(tmp_path, 1), mark_dead(tmp_path, 2)
    compact(tmp_path)
    assert read(tmp_path) == before
    assert list(before.values()) == [5]


def test_what_is_kept_by_process_id_goes_with_the_process(tmp_path: Path) -> None:
    for kind in ("gauge_all", "gauge_liveall", "gauge_livesum", "gauge_livemostrecent"):
        write(tmp_path, kind, 1, {"x": 5}, time=1)
    mark_dead(tmp_path, 1)
    compact(tmp_path)
    assert read(tmp_path) == {}
    assert not list(tmp_path.glob("*.db"))


def test_sixty_files_become_two(tmp_path: Path) -> None:
    for pid in range(1, 31):
        write(tmp_path, "counter", pid, {"x": 1})
        write(tmp_path, "histogram", pid, {"1": 1})
        mark_dead(tmp_path, pid)
    assert len(list(tmp_path.glob("*.db"))) == 60
    before = read(tmp_path)
    compact(tmp_path)
    assert sorted(f.name for f in tmp_path.glob("*.db")) == [
        "counter_archive.db",
        "histogram_archive.db",
    ]
    assert read(tmp_path) == before


def test_an_archive_outgrows_the_first_size_of_its_file(tmp_path: Path) -> None:
    values = {f"label {number}": 1.0 for number in range(3000)}
    write(tmp_path, "counter", 1, values)
    write(tmp_path, "counter", 2, values)
    mark_dead(tmp_path, 1), mark_dead(tmp_path, 2)
    compact(tmp_path)
    assert len(read(tmp_path)) == 3000
    assert set(read(tmp_path).values()) == {2.0}


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff\xff\xff\x7f" * 20, b"\x40\0\0\0" * 3])
def test_a_file_that_was_never_finished_costs_nothing_else(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "counter", 1, {"x": 5})
    (tmp_path / "counter_2.db").write_bytes(content)
    mark_dead(tmp_path, 1), mark_dead(tmp_path, 2)
    compact(tmp_path)
    assert list(read(tmp_path).values()) == [5]
    assert [file.name for file in tmp_path.glob("*.db")] == ["counter_archive.db"]


@pytest.mark.parametrize("step", [(os, "replace"), (Path, "write_text"), (Path, "unlink")])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_who_is_killed_while_merging_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str], number: int
) -> None:
    for pid in (1, 2):
        write(tmp_path, "counter", pid, {"x": 5})
        mark_dead(tmp_path, pid)
    take, steps = getattr(*step), count(1)

    def killed(*arguments: Any, **options: Any) -> Any:
        return 1 / 0 if next(steps) == number else take(*arguments, **options)

    with monkeypatch.context() as patch, suppress(ZeroDivisionError):
        patch.setattr(*step, killed)
        compact(tmp_path)
    compact(tmp_path)
    assert list(read(tmp_path).values()) == [10]
    assert [file.name for file in tmp_path.iterdir() if file.name != ".lock"] == [
        "counter_archive.db"
    ]
