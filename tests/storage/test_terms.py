"""What may be said of a file."""

from __future__ import annotations

from typing import Any

import pytest

from flask_rf.storage.disposition import attachment
from flask_rf.storage.terms import checked_metadata
from flask_rf.storage.terms import checked_type
from flask_rf.storage.terms import checked_visibility
from flask_rf.storage.terms import is_allowed
from flask_rf.storage.terms import same_type
from flask_rf.storage.terms import with_charset


@pytest.mark.parametrize(
    "kind", ["image/png", "text/plain; charset=utf-8", 'a/b; c="d e"', "a/b+c"]
)
def test_mime_types_are_accepted(kind: str) -> None:
    assert checked_type(kind) == kind


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("Text/CSV; header=present", "Text/CSV; header=present; charset=utf-8"),
        ('text/plain;charset="latin1"', 'text/plain;charset="latin1"'),
        ("application/json", "application/json"),
        ("image/svg+xml", "image/svg+xml"),
        ("", ""),
    ],
)
def test_text_without_a_charset_is_utf_8(kind: str, told: str) -> None:
    assert with_charset(kind) == told


@pytest.mark.parametrize(
    "kind", ["", "image", "image/", "a/b\r\nX: y", "a/b; c", "a/b c", "ä/b", 7]
)
def test_what_is_no_mime_type_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="write one like image/png"):
        checked_type(kind)


def test_metadata_has_names_in_lower_case() -> None:
    assert checked_metadata({"Order-ID": "7", "by": ""}) == {"order-id": "7", "by": ""}


@pytest.mark.parametrize(
    "metadata",
    [
        {"a b": "x"},
        {"": "x"},
        {"ä": "x"},
        {"a": "grüße"},
        {"a": "x\ny"},
        {"a": " x"},
        {"a": 7},
        {7: "x"},
        {"a": "x" * 2048},
    ],
)
def test_metadata_that_no_header_carries_is_refused(metadata: Any) -> None:
    with pytest.raises(ValueError, match="metadata"):
        checked_metadata(metadata)


def test_visibility_is_one_of_two() -> None:
    assert [checked_visibility(each) for each in (None, "public", "private")] == [
        None,
        "public",
        "private",
    ]
    with pytest.raises(ValueError, match="write 'public' or 'private'"):
        checked_visibility("secret")


def test_types_can_be_allowed_by_kind() -> None:
    assert is_allowed("image/png", ["image/*"])
    assert is_allowed("image/png", ["text/plain", "Image/PNG"])
    assert not is_allowed("image/png", ["text/*", "image/jpeg"])
    assert not is_allowed("imagex/png", ["image/*"])
    with pytest.raises(TypeError):
        is_allowed("image/png", "image/png")


def test_spaces_and_case_make_no_other_type() -> None:
    assert same_type("Text/Plain;charset=utf-8", "text/plain; charset=UTF-8")
    assert not same_type("text/plain", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ('a"b\\c', 'attachment; filename="a\\"b\\\\c"'),
        ("grüße.txt", "attachment; filename=\"gr??e.txt\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt"),
    ],
)
def test_names_of_downloads_survive_the_header(name: str, header: str) -> None:
    assert attachment(name) == header


@pytest.mark.parametrize("name", ["", "a\r\nSet-Cookie: x", "a\0b"])
def test_names_that_would_break_the_header_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        attachment(name)
