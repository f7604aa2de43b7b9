"""Metrics on a port of their own, off the workers: ``python -m flask_rf.metrics.exporter PID``.

Run beside them by :mod:`flask_rf.gunicorn`, where ``METRICS_BIND`` is set, and by
``flask rf metrics``. It reads the workers' files, and the settings from the environment, and
ends with the process PID, its parent.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import socket
import sys
import threading
import time
from socketserver import TCPServer
from socketserver import ThreadingMixIn
from wsgiref.simple_server import make_server
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.simple_server import WSGIServer

from flask import Flask

from ..access import Access
from ..client_address import client_address
from ..errors import RFError
from ..settings import resolve
from .options import MetricsOptions
from .scrape import nothing
from .scrape import Scrape

logger = logging.getLogger("flask_rf")

_NICE = 10  # a scrape may wait; requests may not
_SILENCE = 10.0  # seconds a client may say nothing
_AGAIN = 1.0  # seconds between two looks at whether the port, or the parent, is still there


class _Handler(WSGIRequestHandler):
    timeout = _SILENCE

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer's asks the DNS for the host's name, and may wait for it.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


def listen(host: str, port: int, app: Flask, options: MetricsOptions) -> WSGIServer:
    """A server of the metrics, at ``/metrics``.

    :raises OSError: the port is taken.
    """
    access = Access(options.allow, options.token, client_address(app))
    kind = _Server6 if _is_version_6(host) else _Server
    return make_server(host, port, Scrape(nothing, "/metrics", access), kind, _Handler)


def _is_version_6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def main(parent: int) -> int:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    app = Flask("metrics")
    try:
        options = resolve(app, MetricsOptions)
        server = _listen_patiently(app, options)
    except (RFError, OSError) as error:
        logger.error("metrics are not served: %s", error)
        return 1
    os.nice(_NICE)
    server.serve_forever()
    return 0


def _listen_patiently(app: Flask, options: MetricsOptions) -> WSGIServer:
    """While gunicorn is replaced by another, the port is still the former's."""
    while True:
        try:
            return listen(*(options.bind or ("127.0.0.1", 0)), app, options)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or "GUNICORN_PID" not in os.environ:
                raise
            time.sleep(_AGAIN)


def _end_with(parent: int) -> None:
    # Not the parent it finds itself: gunicorn may have ended while this process started.
    while os.getppid() == parent:
        time.sleep(_AGAIN)
    os._exit(0)


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    sys.exit(main(int(sys.argv[1])))
