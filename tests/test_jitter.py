from __future__ import annotations

from random import SystemRandom

from flask_rf import jitter


def test_chance_is_spread_and_not_drawn_from_the_apps() -> None:
    drawn = {jitter.between(0.5, 1.0) for _ in range(100)}
    assert len(drawn) > 90 and all(0.5 <= each <= 1.0 for each in drawn)
    source: object = jitter.between.__self__  # type: ignore[attr-defined]
    assert isinstance(source, SystemRandom)
