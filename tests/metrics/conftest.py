from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

Sample = Callable[..., float]


@pytest.fixture
def sample() -> Sample:
    """A series' value since the test began: the process's registry outlives tests."""
    before = _values()

    def value(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        now = _values()
        assert key in now, f"{key} is none of {sorted(now)}"
        return now[key] - before.get(key, 0.0)

    return value


def _values() -> dict[tuple[object, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
    }
