"""What is read: of one process, and of many by their files."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families

from flask_rf.metric_files import Busy
from flask_rf.metric_files import locked
from flask_rf.metric_files import mark_dead
from flask_rf.metrics import exposition
from flask_rf.metrics.exposition import expose


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory of workers' files."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(exposition, "is_shared", lambda: True)
    return tmp_path


def count(folder: Path, pid: int, value: float, name: str = "orders") -> None:
    file = MmapedDict(str(folder / f"counter_{pid}.db"))
    file.write_value(mmap_key(name, f"{name}_total", [], [], "Some."), value, 0)
    file.close()


def totals() -> dict[str, float]:
    families = text_string_to_metric_families(expose().body.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_several_processes_are_read_as_one(folder: Path) -> None:
    count(folder, 1, 5), count(folder, 2, 7)
    assert totals() == {"orders_total": 12}


def test_reading_tidies_up_after_the_dead(folder: Path) -> None:
    count(folder, 1, 5), count(folder, 2, 7)
    mark_dead(folder, 1)
    assert totals() == {"orders_total": 12}
    assert sorted(f.name for f in folder.glob("*.db")) == ["counter_2.db", "counter_archive.db"]


def test_names_are_chosen_over_all_processes(folder: Path) -> None:
    count(folder, 1, 5), count(folder, 2, 7, name="visits")
    assert b"orders_total 5.0" in expose(names=["orders_total"]).body
    assert b"visits" not in expose(names=["orders_total"]).body


def test_no_total_is_seen_twice_or_not_at_all_while_workers_die(folder: Path) -> None:
    for pid in range(1, 21):
        count(folder, pid, 1)
    seen: set[float] = set()
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(0.002):
            seen.update(totals().values())

    readers = [threading.Thread(target=read, daemon=True) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for pid in range(1, 21):
            mark_dead(folder, pid)
    finally:
        ended.set()
    for reader in readers:
        reader.join(20)
    assert seen | set(totals().values()) == {20.0}


def test_a_file_that_is_being_made_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(folder, 1, 5)
    (folder / "counter_2.db").touch()
    # Of this module alone: other threads sleep, too.
    finish = SimpleNamespace(sleep=lambda seconds: count(folder, 2, 7))
    monkeypatch.setattr(exposition, "time", finish)
    assert totals() == {"orders_total": 12}


def test_a_file_that_nobody_finishes_is_passed_over(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count(folder, 1, 5)
    (folder / "counter_2.db").touch()
    assert totals() == {"orders_total": 5}
    assert "counter_2.db are lost" in caplog.text


def test_a_lock_that_is_never_free_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposition, "locked", lambda folder: locked(folder, patience=0))
    with locked(folder), pytest.raises(Busy):
        expose()


@pytest.mark.unpatched
def test_a_process_that_is_told_to_keeps_its_values_in_files(tmp_path: Path) -> None:
    program = """
from flask import Flask
from flask_rf import Metrics
app = Flask("shop"); app.add_url_rule("/", view_func=lambda: "")
metrics = Metrics(app)
metrics.start = app.extensions["rf_metrics"].start(4)
app.test_client().get("/")
print(app.test_client().get("/metrics").text)
"""
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert 'http_route="/"' in done.stdout, done.stderr
    assert "http_server_active_requests 0.0" in done.stdout
    assert any(tmp_path.glob("histogram_*.db"))
