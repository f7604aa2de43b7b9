"""The scenarios of the JavaScript modules in this folder, by name."""

from __future__ import annotations

import re

import pytest

from .conftest import HERE

MODULES = ("pusher_js", "laravel_echo")


def names_in(module: str) -> list[str]:
    source = HERE.joinpath(f"{module}.mjs").read_text("utf-8")
    return re.findall(r"^export async function (\w+)", source, re.MULTILINE)


each_scenario = pytest.mark.parametrize(
    ("module", "scenario"), [(module, name) for module in MODULES for name in names_in(module)]
)
