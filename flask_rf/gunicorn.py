"""Settings for ``gunicorn -c python:flask_rf.gunicorn app:app``: what people get wrong, set right.

Everything here can be overruled on the command line. ``WEB_CONCURRENCY`` sets the
number of workers; without Redis there is one, since several would split the audience.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from typing import NoReturn

from . import kinds
from .errors import ConfigurationError
from .errors import RFError
from .gunicorn_metrics import MasterMetrics

worker_class = "flask_rf.gunicorn_worker.Worker"
worker_connections = 1000
_shared = os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE")
workers = int(os.environ.get("WEB_CONCURRENCY") or ((os.cpu_count() or 1) if _shared else 1))
timeout = 60
graceful_timeout = 30
keepalive = 5
limit_request_line = 8190  # the most there is: event streams name their channels in the URL
control_socket_disable = True
#: Not SCRIPT_NAME and PATH_INFO, gunicorn's default: most proxies pass on what a stranger wrote.
forwarder_headers = ""
if os.path.isdir("/dev/shm"):
    worker_tmp_dir = "/dev/shm"  # a heartbeat file on a slow disk gets workers killed

#: Seconds over which a stopping worker spreads the closing of its sockets.
DRAIN_WINDOW = 2.0

#: Seconds within which gunicorn's workers notice that they are to stop.
_ACCEPTS_ON = 1.1

#: gunicorn's status for an app that cannot be loaded: it ends instead of starting it again.
_CANNOT_BOOT = 4

#: Held by the worker that ends gunicorn; made before the fork, so that all share it.
_first = multiprocessing.get_context("fork").Lock()

_metrics = MasterMetrics()


def _trusted() -> str:
    """``TRUSTED_PROXIES`` as gunicorn has it; empty for a mistake, which the app refuses."""
    written, file = (os.environ.get(f"TRUSTED_PROXIES{suffix}") for suffix in ("", "_FILE"))
    try:
        found = kinds.networks(
            written or (Path(file).read_text(encoding="utf-8-sig") if file else "")
        )
    except (ValueError, OSError):
        return ""
    # On a socket for both, the peers of IPv4 have addresses of IPv6 (RFC 4291 section 2.5.5.2).
    mapped = [f"::ffff:{n.network_address}/{n.prefixlen + 96}" for n in found if n.version == 4]
    return ",".join([*map(str, found), *mapped])


_proxies = _trusted()
if _proxies and "FORWARDED_ALLOW_IPS" not in os.environ:
    forwarded_allow_ips = _proxies  # who may say that a client came by https


def nworkers_changed(server: Any, new_value: int, old_value: int | None) -> None:
    """Say where metrics and logs go: of all hooks, this is before ``--preload`` loads the app."""
    if old_value is None:
        os.environ["RF_ACCESS_LOG"] = os.environ.get("RF_ACCESS_LOG") or "true"
        with _stopping_the_boot(server):
            _metrics.choose_folder()


def on_starting(server: Any) -> None:
    """Stop the boot over a port for metrics that cannot be served."""
    with _stopping_the_boot(server):
        _metrics.starting()


def when_ready(server: Any) -> None:
    _metrics.ready()


def child_exit(server: Any, worker: Any) -> None:
    _metrics.ended(worker.pid)


def on_exit(server: Any) -> None:
    _metrics.stop()


def post_fork(server: Any, worker: Any) -> None:
    """Stop the boot over a mistake that shows as the app is loaded.

    And let a worker end while it starts; with gunicorn's handler it would miss the signal.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    worker.load_wsgi = partial(_load, worker, worker.load_wsgi)


def post_worker_init(worker: Any) -> None:
    """Stop the boot over a mistake, and get ready for the end."""
    from threading import Thread  # gevent's by now: only that one's join hears of its end

    from .lifecycle import start_worker

    try:
        start_worker(worker.cfg.workers)
    except RFError as error:
        _end(worker, error)
    _merge_metrics()
    worker.rf_drain = Thread(target=_drain, args=(worker,), daemon=True)
    worker.rf_drain.start()


def worker_exit(server: Any, worker: Any) -> None:
    """Wait for the sockets' goodbye, which gunicorn does not know of."""
    drain = getattr(worker, "rf_drain", None)
    if drain is not None:
        drain.join(_ACCEPTS_ON + DRAIN_WINDOW + 2.0)


def _load(worker: Any, load_wsgi: Callable[[], None]) -> None:
    try:
        load_wsgi()
    except RFError as error:
        _end(worker, error)


@contextmanager
def _stopping_the_boot(server: Any) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        server.log.error("%s", error)
        sys.exit(_CANNOT_BOOT)


def _end(worker: Any, error: Exception) -> NoReturn:
    """End gunicorn over a mistake every worker makes; two that say so at once trip it up."""
    if _first.acquire(block=False):
        worker.log.error("%s", error)
        sys.exit(_CANNOT_BOOT)
    time.sleep(1.0)  # by then gunicorn has heard of the first, and starts no other instead
    sys.exit()


def _merge_metrics() -> None:
    """Merge those of dead workers, whether or not anybody reads them."""
    from .metric_files import Busy
    from .metric_files import locked
    from .metrics.archive import compact

    if _metrics.folder is not None:
        with suppress(Busy, OSError), locked(_metrics.folder):
            compact(_metrics.folder)


def _drain(worker: Any) -> None:
    from .lifecycle import leave_worker
    from .lifecycle import stop_worker

    while worker.alive:
        time.sleep(0.1)
    leave_worker()
    # Clients told to reconnect do so at once: not to this worker, which accepts on for a second.
    time.sleep(_ACCEPTS_ON)
    stop_worker(DRAIN_WINDOW)
    time.sleep(0.2)  # for the last frames to be written
