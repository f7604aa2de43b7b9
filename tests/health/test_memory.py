from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from flask import Flask

from flask_rf import Health
from flask_rf.health import memory
from flask_rf.health import MemoryCheck
from flask_rf.health.memory import measure
from flask_rf.health.memory import Memory

GB = 1024**3
HOST = Memory(4 * GB, 16 * GB, "host")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine of 16 GB, 4 of them in use, without control groups."""
    write(
        tmp_path / "proc/meminfo",
        f"MemTotal: {16 * GB // 1024} kB\nMemFree: 1 kB\nMemAvailable: {12 * GB // 1024} kB\n",
    )
    return tmp_path


def write(file: Path, text: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def group_v2(root: Path, path: str, limit: object, current: int, inactive: int = 0) -> None:
    folder = root / "sys/fs/cgroup" / path
    write(folder / "memory.max", limit)
    write(folder / "memory.current", current)
    write(folder / "memory.stat", f"anon 1\ninactive_file {inactive}\nactive_file 2")


def group_v1(root: Path, path: str, limit: int, usage: int, inactive: int = 0) -> None:
    folder = root / "sys/fs/cgroup/memory" / path
    write(folder / "memory.limit_in_bytes", limit)
    write(folder / "memory.usage_in_bytes", usage)
    write(folder / "memory.stat", f"inactive_file 5\ntotal_inactive_file {inactive}")


def test_rule_14_without_a_limit_memory_is_the_hosts(root: Path) -> None:
    assert measure(root) == HOST


def test_rule_14_a_container_has_its_own_limit(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/")
    group_v2(root, "", 2 * GB, GB)
    assert measure(root) == Memory(GB, 2 * GB, "cgroup")


def test_rule_14_inactive_file_pages_are_not_in_use(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/")
    group_v2(root, "", 2 * GB, GB, inactive=GB // 4)
    assert measure(root).used == GB - GB // 4


def test_rule_14_the_smallest_limit_among_ancestors_counts(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/pods/shop/web")
    group_v2(root, "pods/shop/web", "max", GB)
    group_v2(root, "pods/shop", 3 * GB, 2 * GB)
    group_v2(root, "pods", 8 * GB, 6 * GB)
    assert measure(root) == Memory(2 * GB, 3 * GB, "cgroup")


def test_rule_14_a_group_without_limit_leaves_the_host(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/user")
    group_v2(root, "user", "max", GB)
    assert measure(root) == HOST


def test_rule_14_a_path_of_another_namespace_falls_back_to_the_mount(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/kubepods/pod1/not-mounted-here")
    group_v2(root, "", GB, GB // 2)
    assert measure(root) == Memory(GB // 2, GB, "cgroup")


def test_rule_14_version_1_is_understood(root: Path) -> None:
    write(root / "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n1:name=systemd:/x")
    group_v1(root, "docker/abc", GB, GB // 2, inactive=GB // 8)
    assert measure(root) == Memory(GB // 2 - GB // 8, GB, "cgroup")


def test_rule_14_version_1s_number_for_no_limit_is_none(root: Path) -> None:
    write(root / "proc/self/cgroup", "4:memory:/")
    group_v1(root, "", 9223372036854771712, GB)
    assert measure(root) == HOST


def test_a_system_that_does_not_say_is_not_checked(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mac without psutil."""
    monkeypatch.setattr(memory, "_HOST", "proc/nothing")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    Health(app, details="always")
    report = app.test_client().get("/health").get_json(force=True)
    assert "memory" not in report["checks"]


def test_this_machine_can_be_measured() -> None:
    found = measure()
    assert 0 < found.used < found.limit


@pytest.mark.parametrize(
    ("used", "status"), [(79, "pass"), (80, "warn"), (94, "warn"), (95, "fail"), (100, "fail")]
)
def test_memory_is_graded_by_its_share(
    monkeypatch: pytest.MonkeyPatch, used: int, status: str
) -> None:
    monkeypatch.setattr(memory, "measure", lambda: Memory(used * GB, 100 * GB, "cgroup"))
    result = MemoryCheck(80, 95)()
    assert result.status == status
    assert result.details["observedValue"] == used
    assert result.details["source"] == "cgroup"
