"""What a gunicorn is told by its command line and the file with its settings. Pure."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

OURS = "flask_rf.gunicorn"


@dataclass(frozen=True)
class Understood:
    """What can be told without starting it.

    :param worker: its worker class; None where that is worked out as it starts.
    :param has_ours: whether flask_rf's settings are among its own; None if nobody knows.
    """

    worker: str | None
    has_ours: bool | None


def option(arguments: Sequence[str], *names: str) -> str:
    """What the last of an option on a command line says; empty if there is none.

    :param names: with their hyphens (``"-c"``, ``"--config"``).
    """
    said = ""
    for word, following in pairwise([*arguments, ""]):
        for name in names:
            joint = "=" if name.startswith("--") else ""
            if word == name:
                said = following
            elif word.startswith(name + joint):
                said = word.removeprefix(name + joint)
    return said


def understood(arguments: Sequence[str], source: str | None) -> Understood:
    """What both come to.

    :param source: of the file with its settings; empty if it has none, None if it cannot be read.
    """
    ours = option(arguments, "-c", "--config") == f"python:{OURS}"
    file = Understood("gevent", True) if ours else _of_source(source)
    worker = option(arguments, "-k", "--worker-class") or file.worker
    if worker == "sync" and option(arguments, "--threads") not in ("", "1"):
        worker = "gthread"  # as gunicorn has it
    return Understood(worker, file.has_ours)


def _of_source(source: str | None) -> Understood:
    try:
        tree = ast.parse(source) if source is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None:
        return Understood(None, None)
    imported = _imported(tree)
    modules = {module for module, _ in imported}
    others = {module for module, name in imported if name == "*"} - {OURS}
    worker = None if others else "sync"
    if {(OURS, "*"), (OURS, "worker_class")} & imported:
        worker = "gevent"
    worker = _assigned(tree, "worker_class", worker)
    if worker == "sync" and _assigned(tree, "threads", 1) != 1:
        worker = "gthread"
    return Understood(worker, True if OURS in modules else None if others else False)


def _imported(tree: ast.Module) -> set[tuple[str, str]]:
    """Modules that are imported, and the names from them."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", alias.name) for alias in node.names}
            found |= {(f"{node.module}.{alias.name}", "") for alias in node.names}
    return found


def _assigned(tree: ast.Module, name: str, default: Any) -> Any:
    """The one constant that is assigned to ``name``; None if there are several, or it is none."""
    values = [
        getattr(node.value, "value", None)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    if not values:
        return default
    return values[0] if len(values) == 1 and isinstance(values[0], (str, int)) else None
