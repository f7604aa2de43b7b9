"""Moving over is a change of import: the same app, before and after, answers alike."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import brotli
import pytest

from flask_rf.migration.imports import with_ours

APPS = sorted((Path(__file__).parent / "apps").glob("*.py"), key=lambda path: path.stem)
THEIRS = ("flask_limiter", "flask_cors", "flask_compress")


def started(source: str, name: str) -> Any:
    """The module of an app whose source this is."""
    module = ModuleType(name)
    sys.modules[name] = module  # where blueprints look for their folder
    try:
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    finally:
        del sys.modules[name]
    return module


def body_of(response: Any) -> bytes:
    """What was sent, decoded."""
    coding = response.headers.get("Content-Encoding")
    decode = {"gzip": gzip.decompress, "br": brotli.decompress}.get(coding, bytes)
    data: bytes = response.data
    return decode(data) if data else data


def answers(module: Any) -> list[Any]:
    client, said = module.app.test_client(), []
    for method, path, options in module.ASKED:
        response = client.open(path, method=method, **options)
        left_out = getattr(module, "NOT_COMPARED", set())
        compared = {
            name: response.headers.get(name)
            for name in module.COMPARED
            if (path, name) not in left_out
        }
        said.append((method, path, options, response.status_code, compared, body_of(response)))
    return said


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:Using the in-memory storage")
def test_an_app_answers_alike_once_its_imports_are_changed(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    ours = with_ours(source)
    assert any(f"from {library}" in source for library in THEIRS)
    assert not any(f"from {library}" in ours for library in THEIRS)
    differing = [
        (line, other)
        for line, other in zip(source.splitlines(), ours.splitlines(), strict=True)
        if line != other
    ]
    assert all(line.startswith("from ") for line, _ in differing)

    before = answers(started(source, f"{path.stem}_before"))
    after = answers(started(ours, f"{path.stem}_after"))

    assert after == before


def allowed(module: Any) -> list[bool]:
    """What a browser makes of the answers to preflights."""
    client = module.app.test_client()
    return [
        _allows(client.options(path, **options), options["headers"])
        for path, options in module.PREFLIGHTS
    ]


def _allows(response: Any, asked: dict[str, str]) -> bool:
    headers = response.headers
    methods = headers.get("Access-Control-Allow-Methods", "").replace(" ", "").split(",")
    names = headers.get("Access-Control-Allow-Headers", "").lower().replace(" ", "").split(",")
    wanted = asked.get("Access-Control-Request-Headers", "").lower()
    return (
        response.status_code in range(200, 300)
        and headers.get("Access-Control-Allow-Origin") == asked["Origin"]
        and headers.get("Access-Control-Allow-Credentials") == "true"
        and asked["Access-Control-Request-Method"] in methods
        and (not wanted or wanted in names)
    )


def test_browsers_may_do_the_same_before_and_after() -> None:
    (path,) = [path for path in APPS if path.stem == "shared_with_pages"]
    source = path.read_text(encoding="utf-8")
    before = allowed(started(source, "pages_before"))
    assert before == [True, True, False, False]
    assert allowed(started(with_ours(source), "pages_after")) == before
