from __future__ import annotations

import pytest

_PATIENCE = {
    "HEALTH_TIMEOUT": "60",
    "HEALTH_TOTAL_TIMEOUT": "60",
    "HEALTH_LAG_WARN": "60",
    "HEALTH_LAG_FAIL": "60",
    "HEALTH_DISK_WARN": "100",
    "HEALTH_DISK_FAIL": "100",
    "HEALTH_MEMORY_WARN": "100",
    "HEALTH_MEMORY_FAIL": "100",
    "REDIS_TIMEOUT": "20",
    "REDIS_CONNECT_TIMEOUT": "20",
}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy or full machine must not be what fails; tests of what fails set their own."""
    for key, value in _PATIENCE.items():
        monkeypatch.setenv(key, value)
