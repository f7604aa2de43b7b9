"""What people install: the wheel, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import version
from importlib.resources import files
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


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel and nothing else."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    python = venv / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True, cwd=venv)
    return python


def said(python: Path | str, program: str, cwd: Path, *paths: Path) -> str:
    """What a program prints.

    :param paths: more folders of packages.
    """
    environment = {"PATH": "", "PYTHONPATH": ":".join(map(str, paths))}
    command = [python, "-W", "error", "-c", program]
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


#: Where the dependencies of the tests are, without flask_rf's own sources.
DEPENDENCIES = Path(str(files("flask").joinpath(".."))).resolve()
FORBIDDEN = "{'gevent', 'redis', 'ssl', 'hiredis', 'brotli', 'gunicorn'} & set(sys.modules)"


@pytest.mark.servers
def test_the_wheel_alone_can_be_imported_before_its_dependencies(
    installed: Path, tmp_path: Path
) -> None:
    assert "venv" in said(installed, "import flask_rf; print(flask_rf.__file__)", tmp_path)


@pytest.mark.servers
def test_the_installed_wheel_holds_the_scripts_the_client_and_the_types(
    installed: Path, tmp_path: Path
) -> None:
    program = """
from importlib.resources import files
from pathlib import Path
root = files("flask_rf")
print(len(list(Path(str(root)).rglob("*.lua"))))
print((root / "broadcast/client/rf.js").read_text().count("class Channel"))
print((root / "py.typed").is_file())
"""
    scripts, client, typed = said(installed, program, tmp_path).split()
    assert int(scripts) == len(list((ROOT / "flask_rf").rglob("*.lua"))) > 5
    assert (client, typed) == ("1", "True")


@pytest.mark.servers
def test_an_app_of_the_installed_wheel_works(installed: Path, tmp_path: Path) -> None:
    """With its dependencies from the tests' environment, but not its sources."""
    program = """
import flask_rf
from flask import Flask
app = Flask("shop")
rf = flask_rf.RF(app)
app.add_url_rule("/", "home", rf.limiter.limit("1/minute")(lambda: "home"))
client = app.test_client()
print(flask_rf.__file__, [client.get("/").status_code for _ in range(2)])
print(client.get("/broadcasting/rf.js").status_code, client.get("/health/ready").status_code)
"""
    output = said(installed, program, tmp_path, DEPENDENCIES)
    assert str(installed.parents[1]) in output
    assert output.endswith("[200, 429]\n200 200")


@pytest.mark.servers
def test_importing_it_patches_nothing_and_loads_nothing_that_must_be_patched_first(
    installed: Path, tmp_path: Path
) -> None:
    """Neither does setting a feature up that needs neither gevent nor Redis."""
    program = f"""
import sys, socket, threading, time
originals = socket.socket, threading.Thread, time.sleep
import flask_rf
print(sorted({FORBIDDEN}))
from flask import Flask
flask_rf.RequestID(Flask("shop"))
print(sorted({{'gevent', 'redis'}} & set(sys.modules)))
print(originals == (socket.socket, threading.Thread, time.sleep))
"""
    assert said(installed, program, tmp_path, DEPENDENCIES) == "[]\n[]\nTrue"


@pytest.mark.servers
@pytest.mark.parametrize("statement", ["import flask_rf", "from flask_rf import RF"])
def test_what_importing_it_costs_is_reported(
    installed: Path, tmp_path: Path, statement: str
) -> None:
    """Over Flask's own import, in seconds. A busy machine decides nothing: it is no limit."""
    program = f"""
import time, flask
began = time.perf_counter()
{statement}
print(time.perf_counter() - began)
"""
    seconds = min(float(said(installed, program, tmp_path, DEPENDENCIES)) for _ in range(3))
    print(f"{statement} takes {seconds:.4f} s over Flask's own import")
    assert seconds > 0


def test_importing_every_feature_does_not_bring_asyncio_which_takes_as_long_as_all_of_them() -> (
    None
):
    program = (
        "from flask_rf import RF; import sys; print({'asyncio', 'flask_sock'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout == "set()\n"


def test_importing_the_package_loads_nothing_that_gevent_must_patch_first() -> None:
    program = f"import flask_rf, sys; print(sorted({FORBIDDEN}))"
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
