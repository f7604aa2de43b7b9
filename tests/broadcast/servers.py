"""A server of tests.apps.events, of each kind that there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from pathlib import Path

from tests.parts.gunicorn import Gunicorn
from tests.parts.redis import RedisProcess
from tests.parts.werkzeug import Werkzeug

APP = "tests.apps.events:app"
KINDS = ("gevent", "gevent+redis", "threads")
Server = Gunicorn | Werkzeug


@contextmanager
def served(kind: str, folder: Path, **settings: str) -> Iterator[Server]:
    """One of :data:`KINDS`; of gevent with Redis there are two workers."""
    with ExitStack() as running:
        server: Server
        if kind == "gevent+redis":
            redis = RedisProcess(folder)
            running.callback(redis.stop)
            server = Gunicorn(APP, folder, "--workers", "2", REDIS_URL=redis.url, **settings)
        elif kind == "gevent":
            server = Gunicorn(APP, folder, **settings)
        else:
            server = Werkzeug(APP, folder, **settings)
        running.callback(server.stop)
        yield server
        output = server.output()
    assert "Traceback" not in output, output
