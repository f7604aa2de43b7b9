"""gunicorn's gevent worker, which serves those who stand in its queue when it is told to stop.

A listening socket that is closed resets the connections nobody has accepted yet. The proxy in
front has written its request by then: it may repeat a GET elsewhere, but not a POST.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from gevent.monkey import get_original
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker


class LastCall(StreamServer):
    """Accepts all who have come, and closes its door before the next one does."""

    def close(self) -> None:
        if not self.closed:
            self.stop_accepting()
            # Not gevent's close, which lets the loop run others between the last call and itself.
            close, door = get_original("os", "close"), self.socket.fileno()
            come = list(iter(self.do_read, None))
            close(door)
            self.socket.detach()
            for connection in come:
                self.do_handle(*connection)
        super().close()


class _Name:
    """All that gunicorn asks of a listener once it has a connection.

    Its own answer would be an error if the listener is closed in between.
    """

    def __init__(self, listener: Any) -> None:
        self._name = listener.getsockname()

    def getsockname(self) -> Any:
        return self._name


class Worker(GeventWorker):  # type: ignore[misc]
    """The worker class of :mod:`flask_rf.gunicorn`."""

    def server_class(self, listener: Any, *, spawn: Any, **options: Any) -> LastCall:
        """Make the server of a listener; gunicorn calls this like a class.

        :param options: what pywsgi would need, and ``ssl_context`` for TLS in the worker.
        """
        tls = {name: value for name, value in options.items() if name == "ssl_context"}
        server = LastCall(listener, partial(self.handle, _Name(listener)), spawn=spawn, **tls)
        if self.cfg.workers > 1:
            server.max_accept = 1  # as gunicorn has it: the others want some, too
        return server
