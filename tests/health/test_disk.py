from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_rf.health import DiskCheck


def test_rule_15_a_disk_tells_its_used_share_and_free_bytes(tmp_path: Path) -> None:
    result = DiskCheck(str(tmp_path), 100, 100)()
    assert 0 <= result.details["observedValue"] <= 100
    assert result.details["observedUnit"] == "percent"
    assert result.details["freeBytes"] > 0
    assert result.details["componentId"] == str(tmp_path)


@pytest.mark.parametrize(
    ("used", "free", "status"),
    [(79, 21, "pass"), (80, 20, "warn"), (94, 6, "warn"), (95, 5, "fail"), (0, 0, "pass")],
)
def test_rule_15_a_disk_is_graded_by_its_share(
    monkeypatch: pytest.MonkeyPatch, used: int, free: int, status: str
) -> None:
    usage = SimpleNamespace(total=200, used=used, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert DiskCheck("/", 80, 95)().status == status


def test_a_path_that_has_gone_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DiskCheck(str(tmp_path / "gone"), 80, 95)()
