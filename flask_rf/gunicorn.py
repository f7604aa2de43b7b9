"""Settings for ``gunicorn -c python:flask_rf.gunicorn app:app``: what people get wrong, set right.

Everything here can be overruled on the command line. ``WEB_CONCURRENCY`` sets the
number of workers; without Redis there is one, since several would split the audience.
"""

from __future__ import annotations

import os
import sys
from typing import Any

worker_class = "gevent"
worker_connections = 1000
_shared = os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE")
workers = int(os.environ.get("WEB_CONCURRENCY") or ((os.cpu_count() or 1) if _shared else 1))
timeout = 60
graceful_timeout = 30
keepalive = 5
control_socket_disable = True
if os.path.isdir("/dev/shm"):
    worker_tmp_dir = "/dev/shm"  # a heartbeat file on a slow disk gets workers killed

#: Seconds over which a stopping worker spreads the closing of its sockets.
DRAIN_WINDOW = 2.0

#: gunicorn's status for an app that cannot be loaded: it ends instead of starting it again.
_CANNOT_BOOT = 4


def post_worker_init(worker: Any) -> None:
    """Stop the boot over a mistake, and get ready for the end."""
    from .errors import RFError
    from .lifecycle import start_worker

    try:
        start_worker(worker.cfg.workers)
    except RFError as error:
        worker.log.error("%s", error)
        sys.exit(_CANNOT_BOOT)
    if worker_class in str(worker.cfg.worker_class_str):
        import gevent

        worker.rf_drain = gevent.spawn(_drain, worker)


def worker_exit(server: Any, worker: Any) -> None:
    """Wait for the sockets' goodbye, which gunicorn does not know of."""
    drain = getattr(worker, "rf_drain", None)
    if drain is not None:
        drain.join(DRAIN_WINDOW + 1.0)


def _drain(worker: Any) -> None:
    import gevent

    from .lifecycle import stop_worker

    while worker.alive:
        gevent.sleep(0.1)
    stop_worker(DRAIN_WINDOW)
    gevent.sleep(0.2)  # for the loop to write the last frames
