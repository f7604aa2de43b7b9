from __future__ import annotations

import pytest

from flask_rf.cors.resources import Resources


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/x", "/api/x/y"])
def test_rule_37_a_path_covers_itself_and_all_below(path: str) -> None:
    assert Resources({"/api": "api"}).of(path) == "api"


@pytest.mark.parametrize("path", ["/", "/api2", "/API", "/ap", "//api", "/x/api", "/api%2Fx"])
def test_rule_37_a_path_covers_nothing_else(path: str) -> None:
    assert Resources({"/api": "api"}).of(path) is None


def test_rule_37_the_most_specific_path_wins() -> None:
    resources = Resources({"/": "all", "/api/v2": "new", "/api": "old"})
    assert resources.of("/api/v1") == "old"
    assert resources.of("/api/v2/x") == "new"
    assert resources.of("/elsewhere") == "all"
