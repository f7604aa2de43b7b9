"""Which findings a module can come to, and which of them were come to."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SEVERITIES = ("advice", "hurts", "fine")


def sites(module: ModuleType) -> set[int]:
    """The lines on which ``module`` makes a finding."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.lineno for call in calls if getattr(call.func, "id", "") in SEVERITIES}


def record(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The lines on which ``module`` makes findings from now on."""
    met: set[int] = set()

    def recording(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*words: str) -> Any:
            met.add(sys._getframe(1).f_lineno)
            return make(*words)

        return made

    for name in SEVERITIES:
        monkeypatch.setattr(module, name, recording(getattr(module, name)))
    return met
