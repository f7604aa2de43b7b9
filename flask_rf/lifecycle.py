"""What features do when a worker process starts to serve and when it is told to stop.

Features register; the module of a server (:mod:`flask_rf.gunicorn`) calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from weakref import WeakSet

from flask import Flask

#: Given the number of workers; raises ConfigurationError for what must stop the boot.
Start = Callable[[int], None]
#: Given the seconds there are for saying goodbye.
Stop = Callable[[float], None]


#: Called as soon as the worker is told to stop, while it may still be asked.
Leave = Callable[[], None]


@dataclass
class _Registered:
    start: list[Start] = field(default_factory=list)
    leave: list[Leave] = field(default_factory=list)
    stop: list[Stop] = field(default_factory=list)


_apps: WeakSet[Flask] = WeakSet()


def on_worker_start(app: Flask, function: Start) -> None:
    _registered(app).start.append(function)


def on_worker_leave(app: Flask, function: Leave) -> None:
    _registered(app).leave.append(function)


def on_worker_stop(app: Flask, function: Stop) -> None:
    _registered(app).stop.append(function)


def start_worker(workers: int) -> None:
    """Run the start functions of every app of this process.

    :param workers: how many processes serve side by side.
    :raises ConfigurationError: an app cannot be served like this.
    """
    for app in list(_apps):
        for function in _registered(app).start:
            function(workers)


def leave_worker() -> None:
    """Run what every app of this process does at once when it is told to stop."""
    for app in list(_apps):
        for function in _registered(app).leave:
            function()


def stop_worker(window: float) -> None:
    """Run the stop functions of every app of this process.

    :param window: seconds over which they may spread their work.
    """
    for app in list(_apps):
        for function in _registered(app).stop:
            function(window)


def _registered(app: Flask) -> _Registered:
    _apps.add(app)
    found: _Registered = app.extensions.setdefault("rf_lifecycle", _Registered())
    return found
