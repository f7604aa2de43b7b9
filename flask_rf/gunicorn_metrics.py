"""What gunicorn's master does for its workers' metrics.

Loaded into the master: neither Flask nor prometheus-client may be imported here, for workers
import them after gevent has patched what they use.
"""

from __future__ import annotations

import atexit
import importlib.util
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

from . import metric_files
from .errors import ConfigurationError
from .kinds import listener

logger = logging.getLogger("flask_rf")

_BIND = "METRICS_BIND"
_EXPORTER = (sys.executable, "-m", "flask_rf.metrics.exporter")
_FAREWELL = 5.0  # seconds for the exporter to end


class MasterMetrics:
    """The directory that workers keep their metrics in, and the exporter that reads it.

    :ivar folder: None without prometheus-client.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._is_own = False
        self._exporter: subprocess.Popen[bytes] | None = None
        self._dead: set[int] = set()

    def choose_folder(self) -> None:
        """Put the directory where prometheus-client asks for it when it is imported.

        :raises ConfigurationError: the one that is named cannot be used.
        """
        if importlib.util.find_spec("prometheus_client") is None:
            return
        named = os.environ.get(metric_files.DIRECTORY)
        self._is_own = not named
        self.folder = _named(named) if named else metric_files.make_directory()
        os.environ[metric_files.DIRECTORY] = str(self.folder)
        pid = os.getpid()
        atexit.register(lambda: self._remove() if os.getpid() == pid else None)

    def starting(self) -> None:
        """Make ready, before the first worker.

        :raises ConfigurationError: the port cannot be served.
        """
        place = _place()
        # While another gunicorn is replaced by this one, its exporter still listens.
        if place is not None and not _is_replacing():
            self._require(*place)

    def ready(self) -> None:
        """Start the exporter, where there is to be one, or start it again."""
        ended = self._exporter is None or self._exporter.poll() is not None
        if ended and _place() is not None:
            # In a session of its own, or Ctrl-C would reach it before the workers have drained.
            command = (*_EXPORTER, str(os.getpid()))
            self._exporter = subprocess.Popen(command, start_new_session=True)

    def ended(self, pid: int) -> None:
        """A worker has ended: its values are the past's, to be merged by whoever reads next."""
        self.ready()
        if self.folder is None:
            return
        self._dead.add(pid)
        for dead in list(self._dead):
            try:
                # Somebody may have cleaned up; without it the next worker could not start.
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                metric_files.mark_dead(self.folder, dead)
            except (metric_files.Busy, OSError) as error:
                logger.warning("the metrics of the worker %d wait: %s", dead, error)
                return  # the next worker's end is another chance
            self._dead.discard(dead)

    def stop(self) -> None:
        if self._exporter is not None:
            self._exporter.terminate()
            try:
                self._exporter.wait(_FAREWELL)
            except subprocess.TimeoutExpired:
                self._exporter.kill()
        self._remove()

    def _remove(self) -> None:
        if self.folder is not None and self._is_own:
            metric_files.remove(self.folder)

    def _require(self, host: str, port: int) -> None:
        written = os.environ[_BIND]
        if self.folder is None:
            remedy = "that needs prometheus-client: pip install 'flask-rf[metrics]'"
            raise ConfigurationError(_BIND, written, remedy, "environment")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(found[0][4])
        except OSError as error:
            remedy = f"nobody can listen there ({error.strerror}); choose another"
            raise ConfigurationError(_BIND, written, remedy, "environment") from None


def _named(written: str) -> Path:
    """The directory that the user names, ready for a first run."""
    folder = Path(written)
    try:
        # While another gunicorn is replaced by this one, its workers still write.
        if not _is_replacing():
            metric_files.wipe(folder)
    except OSError as error:
        remedy = f"it cannot be used ({error.strerror}); name another directory, or unset it"
        raise ConfigurationError(metric_files.DIRECTORY, written, remedy, "environment") from None
    return folder


def _is_replacing() -> bool:
    return "GUNICORN_PID" in os.environ


def _place() -> tuple[str, int] | None:
    written = os.environ.get(_BIND)
    if not written:
        return None
    try:
        return listener(written)
    except ValueError as error:
        raise ConfigurationError(_BIND, written, str(error), "environment") from None
