from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_rf import Broadcast
from flask_rf.broadcast import scripts
from flask_rf.broadcast.scripts import served
from flask_rf.broadcast.scripts import without_comments

FOLDER = Path(scripts.__file__).with_name("client")
NAMES = sorted(path.name for path in FOLDER.glob("*"))


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("/** a */\nb();", "\nb();"),
        ("  // a\n  b();", "\n  b();"),
        ("/*\n * a\n */\nb();", "\n\n\nb();"),
        ("a(); // b", "a(); // b"),
        ("/* a */ b(); /* c */\nd();", "/* a */ b(); /* c */\nd();"),
        ("a(/** @type {B} */ (c));", "a(/** @type {B} */ (c));"),
        ("a('http://b')", "a('http://b')"),
        ("a();\n/** never ends", "a();\n/** never ends"),
    ],
)
def test_comments_with_their_lines_to_themselves_are_left_out(source: str, left: str) -> None:
    assert without_comments(source) == left


@given(st.text(alphabet="/* a\n\"`'\r\t"))
def test_whatever_it_is_given_other_lines_stay_where_they_are(source: str) -> None:
    lines, left = source.split("\n"), without_comments(source).split("\n")
    assert len(left) == len(lines)
    assert all(after in (before, "") for before, after in zip(lines, left, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_no_text_of_a_script_goes_over_several_lines(name: str) -> None:
    """What looks like a comment in it would be lost."""
    lines = without_comments((FOLDER / name).read_text("utf-8")).split("\n")
    assert [line for line in lines if line.count("`") % 2] == []


def test_every_script_of_the_package_is_served() -> None:
    assert sorted(scripts.NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_scripts_are_served_without_their_comments(name: str, app: Flask) -> None:
    Broadcast(app)
    response = app.test_client().get(f"/broadcasting/{name}")
    assert response.mimetype == "text/javascript"
    assert response.data == served(name)
    assert not re.search(rb"^\s*(//|/?\*)", response.data, re.MULTILINE)
