"""OpenStack Swift with its S3 API: verifies signatures and expiry."""

from __future__ import annotations

import os
from pathlib import Path

from .processes import accepts
from .processes import free_port
from .processes import Process
from .processes import ROOT
from .s3 import S3Server


class SwiftProcess(S3Server):
    """One server on its own port, with its objects in ``folder``."""

    name = "swift"
    key = "test:tester"
    secret = "testing"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        script = str(ROOT / "tests" / "parts" / "swift_server.py")
        command = [swift_python(), "-W", "ignore", script, str(folder), str(self.port)]
        self.process = Process([*command, self.secret], folder / "swift.log")
        self.process.await_start(lambda: accepts(self.port))

    def allow_pages(self, bucket: str) -> None:
        """Its configuration lets pages of every origin in."""

    def stop(self) -> None:
        self.process.kill()


def swift_python() -> str:
    """``RF_SWIFT_PYTHON``, else the one that ``python3 dev.py test`` has made."""
    found = os.environ.get("RF_SWIFT_PYTHON") or str(ROOT / ".venv-swift" / "bin" / "python")
    assert os.path.exists(found), "no Swift: run `python3 dev.py test`, which installs it"
    return found
