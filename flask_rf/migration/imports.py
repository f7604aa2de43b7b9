"""Changes the imports for which that is enough. Pure: text in, text out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .libraries import LIBRARIES
from .library import Change

_IMPORTS = {dotted: change for lib in LIBRARIES for dotted, change in lib.imports.items()}


def with_ours(text: str) -> str:
    """``text`` with each name imported from here that means the same here; the rest as it was.

    An import with a comment inside is left alone.

    :raises SyntaxError: it is no Python.
    """
    raw = text.encode()
    newline = b"\r\n" if b"\r\n" in raw else b"\n"
    lines = raw.splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    for node in sorted(nodes, key=lambda node: node.lineno, reverse=True):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        statements = list(_statements(node))
        if statements and b"#" not in raw[begin:end]:
            before = raw[starts[node.lineno - 1] : begin]
            # Between statements of one line, as after ``if x:``, no new line may begin.
            joint = b"; " if before.strip() else newline + before
            raw = raw[:begin] + joint.join(s.encode() for s in statements) + raw[end:]
    return raw.decode()


def _statements(node: ast.ImportFrom) -> Iterator[str]:
    """The imports that take the place of one; none if it stays as it is."""
    if node.level or not any(_moves(node, alias) for alias in node.names):
        return
    by_module: dict[str, list[str]] = {}
    for alias in node.names:
        change = _moves(node, alias)
        dotted = change.new if change else f"{node.module}.{alias.name}"
        module, _, name = dotted.rpartition(".")
        bound = alias.asname or alias.name
        by_module.setdefault(module, []).append(name if name == bound else f"{name} as {bound}")
    for module, names in by_module.items():
        yield f"from {module} import {', '.join(names)}"


def _moves(node: ast.ImportFrom, alias: ast.alias) -> Change | None:
    change = _IMPORTS.get(f"{node.module}.{alias.name}")
    return change if change is not None and change.fate in ("same", "renamed") else None
