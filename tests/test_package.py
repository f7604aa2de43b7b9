"""What people install: the wheel, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import flask_rf
from tests.parts.processes import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "flit_core.wheel", "--outdir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    source = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "flask_rf").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert source <= set(zipfile.ZipFile(wheel).namelist())
    assert any(name.endswith(".lua") for name in source)
    assert {"flask_rf/py.typed", "flask_rf/broadcast/client/rf.js"} <= source


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"flask_rf", f"flask_rf-{version('flask-rf')}.dist-info"}


@pytest.mark.servers
def test_the_wheel_alone_can_be_imported_before_its_dependencies(
    wheel: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    python = venv / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True, cwd=tmp_path)
    imported = subprocess.run([python, "-c", "import flask_rf"], cwd=tmp_path, capture_output=True)
    assert imported.returncode == 0, imported.stderr


def test_importing_the_package_loads_nothing_that_gevent_must_patch_first() -> None:
    program = "import flask_rf, sys; print(sorted({'redis', 'gevent', 'ssl'} & set(sys.modules)))"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("name", flask_rf.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(flask_rf, name).__name__ == name


def test_a_name_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Limitr"):
        flask_rf.Limitr  # noqa: B018


def locked(python: str) -> dict[str, Version]:
    """The versions of constraints.txt that a Python on Linux would install."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found: dict[str, Version] = {}
    for pin in (Requirement(line) for line in lines if not line.startswith("#")):
        if holds(pin, python):
            assert pin.name not in found, f"{pin.name} is pinned twice"
            found[pin.name] = Version(str(pin.specifier).removeprefix("=="))
    return found


def holds(requirement: Requirement, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.9"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_the_lock_has_a_version_for_every_requirement_of_pyproject(python: str) -> None:
    """Otherwise ``python3 dev.py lock`` was forgotten, and versions would be installed at will."""
    tomllib = pytest.importorskip("tomllib")
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = pyproject["project"]["optional-dependencies"].values()
    groups = pyproject["dependency-groups"].values()
    lines = chain(pyproject["project"]["dependencies"], *extras, *groups)
    wanted = [Requirement(line) for line in lines if isinstance(line, str)]
    versions = locked(python)
    assert not [
        f"{requirement} is locked at {versions.get(canonicalize_name(requirement.name))}"
        for requirement in wanted
        if requirement.name != "flask-rf"
        and holds(requirement, python)
        and versions.get(canonicalize_name(requirement.name), Version("0"))
        not in requirement.specifier
    ]


def test_the_lock_names_no_index() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text()
