"""Extended attributes, and systems that have none."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_rf.storage import attributes


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_what_is_written_is_read(file: int) -> None:
    attributes.write(file, attributes.TYPE, b"image/png")
    assert attributes.read(file, attributes.TYPE) == b"image/png"
    with pytest.raises(attributes.NoAttributes):
        attributes.read(file, attributes.METADATA)


def test_other_systems_have_none(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(attributes.NoAttributes):
        attributes.read(file, attributes.TYPE)
    with pytest.raises(attributes.NoAttributes):
        attributes.write(file, attributes.TYPE, b"image/png")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOTSUP, attributes.NoAttributes),
        (errno.EPERM, attributes.NoAttributes),
        (errno.ENOSPC, OSError),
    ],
)
def test_only_what_has_no_place_is_none(
    file: int, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[OSError]
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "setxattr", fail)
    with pytest.raises(OSError) as caught:
        attributes.write(file, attributes.TYPE, b"image/png")
    assert type(caught.value) is expected
