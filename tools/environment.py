"""The virtual environment in .venv: made, filled, and left alone while nothing changes."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .processes import ROOT
from .processes import run
from .processes import say
from .processes import Trouble

LOCK = ROOT / "constraints.txt"
SWIFT_LOCK = ROOT / "tests" / "parts" / "swift-constraints.txt"
VENV = ROOT / ".venv"
POLICY = Path("/usr/sbin/policy-rc.d")  # asked by Debian's invoke-rc.d
PYTHON = VENV / "bin" / "python"
# Where .venv's own Python runs this, the one behind it, which outlives a removal of .venv.
BASE_PYTHON = Path(getattr(sys, "_base_executable", sys.executable))


def prepare(group: str) -> None:
    """Make .venv hold flask-rf and one of pyproject.toml's dependency groups."""
    if not _is_sound():
        _make()
    stamp = VENV / f"installed-{group}"
    if not stamp.exists() or stamp.read_text() != _state():
        _install(group)
        stamp.write_text(_state())


def ask(program: str) -> str:
    """What the Python ``program`` prints when .venv runs it; nothing if it cannot."""
    if not PYTHON.exists():
        return ""
    return subprocess.run([PYTHON, "-c", program], capture_output=True, text=True).stdout.strip()


def _is_sound() -> bool:
    """Whether .venv is whole: it runs, has pip, and is of the Python that runs this."""
    version = str(sys.version_info[:2])
    return ask("import pip, sys; print(sys.version_info[:2])") == version


def _state() -> str:
    """What an installation depends on; with another state it is done again."""
    files = (ROOT / "pyproject.toml", LOCK)
    parts = [str(ROOT), sys.version, *(file.read_text() for file in files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _make() -> None:
    """Make .venv with a pip in it, the first way that this machine offers."""
    say("Making .venv.")
    for way in (_by_ensurepip, _by_uv, _by_pip, _by_apt):
        shutil.rmtree(VENV, ignore_errors=True)
        if way() and _is_sound():
            return
    raise Trouble(
        "this Python cannot put pip into .venv. Add one package, then run the same again:\n"
        "    sudo apt-get install python3-venv"
    )


def _by_ensurepip() -> bool:
    importlib.invalidate_caches()
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    return has_ensurepip and run(BASE_PYTHON, "-m", "venv", VENV) == 0


def _by_uv() -> bool:
    command = ("uv", "venv", "--quiet", "--seed", "--python", BASE_PYTHON, VENV)
    return shutil.which("uv") is not None and run(*command) == 0


def _by_pip() -> bool:
    pip = shutil.which("pip3") or shutil.which("pip")
    if pip is None or run(BASE_PYTHON, "-m", "venv", "--without-pip", VENV) != 0:
        return False
    return run(pip, "--python", PYTHON, "install", "--quiet", "pip") == 0


def _by_apt() -> bool:
    is_packaged = BASE_PYTHON.parent == Path("/usr/bin")
    return is_packaged and apt_install("python3-venv") and _by_ensurepip()


def _install(group: str) -> None:
    say(f"Installing flask-rf and its {group} dependencies into .venv.")
    pip_install("--upgrade", "pip>=25.1")  # the first that reads dependency groups
    pip_install("--constraint", LOCK, "--editable", ROOT, "--group", group)


def pip_install(*arguments: str | Path) -> None:
    options = ("-qq", "--disable-pip-version-check", "--no-input")
    if run(PYTHON, "-m", "pip", "install", *options, *arguments) != 0:
        raise Trouble("pip could not install that. Is there a network? Then run this again.")


def lock(*options: str) -> int:
    """Write the locks: the versions of all dependencies that fit together, for every Python.

    They stay within their versions where those still fit, and name no index: pip and uv
    fetch from the one that they are set up with.
    """
    if not _is_sound():
        _make()
    pip_install("uv>=0.9")  # without the rest, which an outdated lock would refuse
    ours = _compile("--editable .[all]", LOCK, "--group", "dev", *options)
    return ours or _compile("swift", SWIFT_LOCK, *options)


def _compile(requirements: str, lock: Path, *options: str) -> int:
    command: list[str | Path] = [PYTHON, "-m", "uv", "pip", "compile", "-", *options]
    command += ["--universal", "--python-version", "3.10", "--no-python-downloads"]
    command += ["--no-annotate", "--no-emit-package", "flask-rf", "--output-file", lock]
    command += ["--custom-compile-command", "python3 dev.py lock", "--quiet"]
    return subprocess.run(command, cwd=ROOT, input=requirements, text=True).returncode


def apt_install(package: str) -> bool:
    """Install a Debian package, where root runs this and nobody needs to be asked.

    Its services are not started: the tests start what they need themselves.
    """
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"Installing Debian's {package} with apt-get.")
    _apt_update()
    with _services_left_alone():
        return _apt("install", "--no-install-recommends", package) == 0


@contextmanager
def _services_left_alone() -> Iterator[None]:
    """Answer Debian's maintainer scripts that no service is to be started."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


@functools.cache
def _apt_update() -> None:
    _apt("update")


def _apt(*arguments: str) -> int:
    # Offline: what a test needs is not to become a service of this machine.
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_OFFLINE": "1"}
    return run("apt-get", "-y", *arguments, env=env, stdout=subprocess.DEVNULL)
