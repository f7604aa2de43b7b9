"""The S3 servers that the tests of storage run against: Swift, and Ceph where it can be had."""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from .environment import apt_install
from .environment import BASE_PYTHON
from .environment import PYTHON
from .environment import SWIFT_LOCK
from .processes import ROOT
from .processes import run
from .processes import say
from .processes import Trouble

# Apart from .venv: Swift stands on eventlet, which patches what gevent patches.
SWIFT = ROOT / ".venv-swift"
_CEPH = ("radosgw", "ceph-mon", "ceph-osd")


def swift() -> Path:
    """The Python of an environment that holds OpenStack Swift, made if need be."""
    python, stamp = SWIFT / "bin" / "python", SWIFT / "installed"
    state = hashlib.sha256(f"{sys.version}\0{SWIFT_LOCK.read_text()}".encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return python
    say("Installing OpenStack Swift into .venv-swift.")
    shutil.rmtree(SWIFT, ignore_errors=True)
    made = run(BASE_PYTHON, "-m", "venv", "--without-pip", SWIFT)
    pip = (PYTHON, "-m", "pip", "--python", python, "install", "-qq", "--no-input")
    if made != 0 or run(*pip, "--disable-pip-version-check", "-c", SWIFT_LOCK, "swift") != 0:
        raise Trouble(
            "pip could not install that. Is there a network? Then run this again,\n"
            "or leave out the tests that need it: python3 dev.py test --without s3"
        )
    stamp.write_text(state)
    return python


def ceph() -> bool:
    """Whether there is a Ceph with its S3 gateway, installed by apt where root runs Debian."""
    if not _has_ceph() and _is_debian():
        for package in _CEPH:
            apt_install(package)
    return _has_ceph()


def _has_ceph() -> bool:
    return all(map(shutil.which, _CEPH))


def _is_debian() -> bool:
    with suppress(OSError):
        return platform.freedesktop_os_release()["ID"] == "debian"
    return False
