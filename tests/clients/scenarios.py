"""The scenarios of the JavaScript modules in this folder, by name."""

from __future__ import annotations

import re

import pytest

from .conftest import HERE

MODULES = ("pusher_js", "laravel_echo")
WITH_PLUG_IN = "recovery"


def names_in(module: str) -> list[str]:
    source = HERE.joinpath(f"{module}.mjs").read_text("utf-8")
    return re.findall(r"^export async function (\w+)", source, re.MULTILINE)


def each_scenario_of(*modules: str) -> pytest.MarkDecorator:
    scenarios = [(module, name) for module in modules for name in names_in(module)]
    return pytest.mark.parametrize(("module", "scenario"), scenarios)
