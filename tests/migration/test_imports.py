from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.migration.imports import with_ours


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from flask_limiter import Limiter", "from flask_rf import Limiter"),
        ("from flask_limiter import Limiter as L", "from flask_rf import Limiter as L"),
        (
            "from flask_limiter.util import get_remote_address",
            "from flask_rf import get_remote_address",
        ),
        ("from flask_cors import CORS, cross_origin", "from flask_rf import CORS, cross_origin"),
        (
            "from flask_cors import (\n    CORS,\n    cross_origin,\n)",
            "from flask_rf import CORS, cross_origin",
        ),
        (
            "from flask_limiter import Limiter, MetaLimit",
            "from flask_rf import Limiter\nfrom flask_limiter import MetaLimit",
        ),
        (
            "def make():\n    from flask_limiter import Limiter, MetaLimit\n    return Limiter",
            "def make():\n    from flask_rf import Limiter\n"
            "    from flask_limiter import MetaLimit\n    return Limiter",
        ),
        (
            "x = 'é'; from flask_cors import CORS  # ours",
            "x = 'é'; from flask_rf import CORS  # ours",
        ),
        (
            "if x: from flask_limiter import Limiter, MetaLimit",
            "if x: from flask_rf import Limiter; from flask_limiter import MetaLimit",
        ),
        (
            "def make():\n\tfrom flask_limiter import Limiter, MetaLimit\n\treturn Limiter",
            "def make():\n\tfrom flask_rf import Limiter\n"
            "\tfrom flask_limiter import MetaLimit\n\treturn Limiter",
        ),
        (
            "from flask_limiter import Limiter, MetaLimit\r\nx = 1\r\n",
            "from flask_rf import Limiter\r\nfrom flask_limiter import MetaLimit\r\nx = 1\r\n",
        ),
        (
            "from flask_compress import Compress\r\nx = 1\r\n",
            "from flask_rf import Compress\r\nx = 1\r\n",
        ),
    ],
)
def test_an_import_is_changed_and_nothing_else(before: str, after: str) -> None:
    assert with_ours(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "from flask import Flask",
        "import flask_limiter",
        "from .flask_limiter import Limiter",
        "from flask_socketio import SocketIO",
        "from flask_limiter import *",
        "from flask_cors import (  # allowed since 2020\n    CORS,\n)",
        "'from flask_cors import CORS'",
        "",
    ],
)
def test_what_is_no_mere_change_of_import_is_left_alone(text: str) -> None:
    assert with_ours(text) == text


def test_what_is_no_python_says_so() -> None:
    with pytest.raises(SyntaxError):
        with_ours("from flask_cors import")


names = st.sampled_from(["Limiter", "RateLimitExceeded", "MetaLimit", "Limit", "HeaderNames"])
statements = st.lists(names, min_size=1, max_size=4, unique=True).map(
    lambda imported: f"from flask_limiter import {', '.join(imported)}"
)
others = st.sampled_from(
    ["x = 'ä'", "import os", "def f():\n    return 1", "# from flask_cors", ""]
)


@given(st.lists(st.one_of(statements, others), max_size=8))
def test_the_same_names_are_bound_and_a_second_time_changes_nothing(
    lines: list[str],
) -> None:
    def bound(text: str) -> set[str]:
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        return {alias.asname or alias.name for node in nodes for alias in node.names}

    text = "\n".join(lines)
    ours = with_ours(text)
    assert bound(ours) == bound(text)
    assert with_ours(ours) == ours
    assert "from flask_limiter import Limiter" not in ours
