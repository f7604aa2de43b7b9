"""The directory of workers' metrics: made, owned, and tidied after the dead."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flask_rf import metric_files
from flask_rf.metric_files import Busy
from flask_rf.metric_files import locked
from flask_rf.metric_files import make_directory
from flask_rf.metric_files import mark_dead
from flask_rf.metric_files import wipe


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stands for the file system in memory."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(metric_files, "_MEMORY", folder)
    return folder


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("*.db")}


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


def test_a_directory_is_made_in_memory(memory: Path) -> None:
    folder = make_directory()
    assert folder.parent == memory
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("missing", ["room", "leave", "everything"])
def test_where_memory_cannot_be_had_it_is_on_disk(
    memory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    """A write to a full file system in memory would end the worker by SIGBUS."""
    if missing == "room":
        monkeypatch.setattr(metric_files, "_ROOM", 2**62)
    elif missing == "leave":
        monkeypatch.setattr(os, "access", lambda *_: False)
    else:
        memory.rmdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = make_directory()
    assert folder.parent == tmp_path


@pytest.mark.unpatched
def test_what_killed_ones_left_behind_is_swept_and_what_lives_is_not(memory: Path) -> None:
    program = (
        "import sys, pathlib; from flask_rf import metric_files as m;"
        "m._MEMORY = pathlib.Path(sys.argv[1]); print(m.make_directory(), flush=True);"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(memory)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as other:  # type: ignore[call-overload]
        theirs = Path(other.stdout.readline().strip())
        ours = make_directory()
        assert theirs.is_dir()
        other.kill()
    third = make_directory()
    assert not theirs.exists()
    assert ours.is_dir() and third.is_dir()


def test_a_directory_of_the_users_own_is_made_and_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "metrics"
    wipe(folder)
    files(folder, "counter_1.db", "gauge_sum_archive.db", "mine.txt")
    wipe(folder)
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]


def test_a_dead_workers_gauges_of_the_living_go_and_the_rest_is_marked(tmp_path: Path) -> None:
    files(tmp_path, "counter_7.db", "gauge_livesum_7.db", "gauge_max_7.db", "counter_77.db")
    mark_dead(tmp_path, 7)
    left = sorted(name.partition("-dead-")[0] for name in names(tmp_path))
    assert left == ["counter_7", "counter_77.db", "gauge_max_7"]


def test_a_process_id_may_die_twice(tmp_path: Path) -> None:
    for _ in range(2):
        files(tmp_path, "counter_7.db")
        mark_dead(tmp_path, 7)
    assert len(names(tmp_path)) == 2


def test_one_at_a_time_reads_or_changes_files(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(Busy, match="not free for 0 s"):
        with locked(tmp_path, patience=0):
            pass
    with locked(tmp_path, patience=0):
        pass


def test_who_waits_for_the_lock_gets_it(tmp_path: Path) -> None:
    waiting, got = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        with locked(tmp_path, patience=30):
            got.set()

    with locked(tmp_path):
        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait(20)
        assert not got.is_set()
    assert got.wait(20)
    thread.join(20)
