"""The keys that limits have denied lately."""

from __future__ import annotations

from flask_rf.dashboard.keys import RecentKeys


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_latest_keys_are_told_first_with_how_often() -> None:
    clock = Clock()
    keys = RecentKeys(clock)
    keys.add("5/minute", "a")
    keys.add("5/minute", "b", remaining=3)
    clock.now = 2.0
    keys.add("5/minute", "a")
    assert keys.told() == [["a", "5/minute", 2, 0, 0.0], ["b", "5/minute", 1, 3, 2.0]]


def test_a_key_is_forgotten_after_a_minute() -> None:
    clock = Clock()
    keys = RecentKeys(clock)
    keys.add("5/minute", "a")
    clock.now = 50.0
    keys.add("5/minute", "b")
    clock.now = 61.0
    assert [told[0] for told in keys.told()] == ["b"]


def test_a_flood_of_keys_takes_no_more_room() -> None:
    keys = RecentKeys(Clock())
    for number in range(10_000):
        keys.add("5/minute", str(number))
    assert len(keys._keys) == 200
    assert [told[0] for told in keys.told()] == [str(n) for n in range(9999, 9989, -1)]
