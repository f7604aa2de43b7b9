"""A real PostgreSQL: started, killed, paused and restarted at will."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from .processes import free_port
from .processes import Process

_DEBIANS = Path("/usr/lib/postgresql")


def postgres_folder() -> Path:
    """``RF_POSTGRES_BIN``, else that of initdb on the PATH, else Debian's newest."""
    named, on_path = os.environ.get("RF_POSTGRES_BIN"), shutil.which("initdb")
    if named or on_path:
        return Path(named) if named else Path(os.path.realpath(str(on_path))).parent
    folders = [path.parent for path in _DEBIANS.glob("*/bin/initdb")]
    if not folders:
        pytest.fail(
            "no PostgreSQL found: install one (apt-get install postgresql), name its folder in "
            "RF_POSTGRES_BIN, or leave these tests out with -m 'not postgres'",
            pytrace=False,
        )
    return max(folders, key=lambda folder: float(folder.parent.name))


class PostgresProcess:
    """One server on its own port, with a database of no importance."""

    def __init__(self) -> None:
        self._programs = postgres_folder()
        # Not under pytest's folder, which only root may enter, and root may not run it.
        self.folder = Path(tempfile.mkdtemp(prefix="flask-rf-postgres-"))
        self._user = None if os.geteuid() else _nobody()
        if self._user is not None:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self.port = free_port()
        self._make()
        self.start()

    @property
    def url(self) -> str:
        """For SQLAlchemy, and the driver that is installed with the tests."""
        return f"postgresql+psycopg://tests@127.0.0.1:{self.port}/postgres"

    def connect(self, **options: Any) -> Any:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="tests", dbname="postgres", **options
        )

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        command += ["-p", str(self.port), "-k", str(self.folder), "-F"]
        log = self.folder / "postgres.log"
        self.process = Process(command, log, user=self._user)
        self.process.await_start(self._answers, 60)

    def connections(self) -> int:
        """How many the tests hold, without the one that asks."""
        with self.connect() as asking:
            query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            return int(asking.execute(query).fetchone()[0]) - 1

    def kill(self) -> None:
        alive = self.process.alive
        backends = psutil.Process(self.process.pid).children() if alive else []
        self.process.kill()
        psutil.wait_procs(backends, timeout=30)  # each may answer until it notices
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def pause(self) -> None:
        """Stop it without closing its sockets, as a stalled machine does."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        command = [str(self._programs / "initdb"), "-D", str(self.folder / "data")]
        command += ["-U", "tests", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def _answers(self) -> bool:
        try:
            self.connect(connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def _nobody() -> str:
    """Whom to run it as: it refuses root."""
    known = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody", "daemon") if name in known)
