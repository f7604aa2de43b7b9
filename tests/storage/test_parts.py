"""How files are cut into parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.storage.parts import MAX_PARTS
from flask_rf.storage.parts import MIB
from flask_rf.storage.parts import PART
from flask_rf.storage.parts import part_size
from flask_rf.storage.parts import ranges

TIB = 1024 * 1024 * MIB


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (0, PART),
        (PART, PART),
        (PART * MAX_PARTS, PART),
        (PART * MAX_PARTS + 1, 9 * MIB),
        (5 * TIB, 525 * MIB),
    ],
)
def test_parts_grow_with_the_file(size: int, part: int) -> None:
    assert part_size(size) == part


@given(st.integers(1, 48 * TIB))
def test_there_are_never_more_parts_than_a_server_takes(size: int) -> None:
    part = part_size(size)
    assert -(-size // part) <= MAX_PARTS
    assert part % MIB == 0


def test_parts_of_a_stream_grow_until_its_end() -> None:
    sizes = [part_size(None, number) for number in range(1, MAX_PARTS + 1)]
    assert sizes[0] == sizes[999] == PART
    assert sizes[1000] == 2 * PART
    assert sizes == sorted(sizes)
    assert sum(sizes) > 5 * TIB
    assert sizes[-1] <= 5 * 1024 * MIB


@given(st.integers(1, 100), st.integers(1, 30))
def test_ranges_cover_a_file_without_a_gap(size: int, part: int) -> None:
    found = list(ranges(size, part))
    covered = [at for first, last in found for at in range(first, last + 1)]
    assert covered == list(range(size))
