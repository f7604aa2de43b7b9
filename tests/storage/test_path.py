"""Paths: one meaning on every disk, and none that leads elsewhere."""

from __future__ import annotations

import os
import posixpath
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.storage import InvalidPath
from flask_rf.storage.path import directory_path
from flask_rf.storage.path import file_path
from flask_rf.storage.path import is_file_path
from flask_rf.storage.path import MAX_BYTES
from flask_rf.storage.path import MAX_PART_BYTES


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("a.txt", "a.txt"),
        ("a/b/c.txt", "a/b/c.txt"),
        ("a//b///c", "a/b/c"),
        ("./a/./b", "a/b"),
        ("a/...", "a/..."),
        ("..a/b..", "..a/b.."),
        ("%2e%2e/a", "%2e%2e/a"),
        ("~/a b", "~/a b"),
        ("grüße/茶.txt", "grüße/茶.txt"),
        (PurePosixPath("a") / "b", "a/b"),
    ],
)
def test_a_path_has_one_normal_form(written: str, normal: str) -> None:
    assert file_path(written) == normal
    assert directory_path(written) == normal


REFUSED = {
    "..": "elsewhere",
    "../etc/passwd": "elsewhere",
    "a/../../b": "elsewhere",
    "a/..": "elsewhere",
    "....//..": "elsewhere",
    "/etc/passwd": "relative",
    "//server/share": "relative",
    "C:/windows": "relative",
    "c:secrets": "relative",
    "a\\..\\b": "backslash",
    "..\\a": "backslash",
    "a\0b": "control",
    "a\nb": "control",
    "a\x7fb": "control",
    "a\x85b": "control",
    "a\u2028b": "control",
    "a\udcffb": "UTF-8",
    "x" * 4096: "1024 bytes",
    "ü" * 600: "1024 bytes",
    "a/" + "x" * 256: "255 bytes",
}


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: repr(path)[:30])
def test_what_could_lead_elsewhere_is_refused_never_stripped(path: str) -> None:
    for check in (file_path, directory_path):
        with pytest.raises(InvalidPath, match=REFUSED[path]) as caught:
            check(path)
        assert caught.value.path == path[:MAX_BYTES]
        assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("path", ["", ".", "./", "//", "a/", "a/b//"])
def test_a_file_has_a_name_a_directory_needs_none(path: str) -> None:
    with pytest.raises(InvalidPath):
        file_path(path)
    if not path.startswith("//"):
        assert directory_path(path) == posixpath.normpath(path).strip(".")


@pytest.mark.parametrize("path", [b"a", None, 7])
def test_a_path_is_text(path: object) -> None:
    with pytest.raises(TypeError):
        file_path(path)


def test_the_longest_paths_are_accepted() -> None:
    part = "x" * MAX_PART_BYTES
    longest = "/".join([part] * 4)
    assert file_path(longest) == longest
    assert len(longest.encode()) <= MAX_BYTES


pieces = st.lists(
    st.one_of(st.sampled_from(["..", ".", "", "/", "\\", "\0", "a", "C:"]), st.text(max_size=5)),
    max_size=8,
)


@given(pieces.map("/".join))
def test_whatever_is_accepted_stays_below_any_root(path: str) -> None:
    try:
        normal = file_path(path)
    except InvalidPath:
        return
    assert file_path(normal) == normal
    assert is_file_path(normal)
    assert os.path.normpath(f"/root/{normal}") == f"/root/{normal}"
    assert normal.encode()
