from __future__ import annotations

import gc
from weakref import ref

import pytest
from flask import Flask

from flask_rf import ConfigurationError
from flask_rf import lifecycle


def test_start_functions_are_told_how_many_workers_there_are(app: Flask) -> None:
    told: list[int] = []
    lifecycle.on_worker_start(app, told.append)
    lifecycle.start_worker(3)
    assert told == [3]


def test_stop_functions_run_in_order_and_are_told_the_time_there_is(app: Flask) -> None:
    told: list[tuple[str, float]] = []
    lifecycle.on_worker_stop(app, lambda window: told.append(("first", window)))
    lifecycle.on_worker_stop(app, lambda window: told.append(("second", window)))
    lifecycle.stop_worker(2.0)
    assert told == [("first", 2.0), ("second", 2.0)]


def test_what_is_done_on_leaving_is_done_before_the_stop(app: Flask) -> None:
    told: list[str] = []
    lifecycle.on_worker_stop(app, lambda window: told.append("stop"))
    lifecycle.on_worker_leave(app, lambda: told.append("leave"))
    lifecycle.leave_worker()
    lifecycle.stop_worker(2.0)
    assert told == ["leave", "stop"]


def test_every_app_of_the_process_is_told() -> None:
    told: list[str] = []
    shop, forum = Flask("shop"), Flask("forum")
    lifecycle.on_worker_start(shop, lambda workers: told.append("shop"))
    lifecycle.on_worker_start(forum, lambda workers: told.append("forum"))
    lifecycle.start_worker(1)
    assert sorted(told) == ["forum", "shop"]


def test_what_refuses_the_start_is_heard(app: Flask) -> None:
    def refuse(workers: int) -> None:
        raise ConfigurationError("BACKEND", "memory", "run one worker")

    lifecycle.on_worker_start(app, refuse)
    with pytest.raises(ConfigurationError, match="run one worker"):
        lifecycle.start_worker(2)


def test_apps_are_not_kept_alive_even_by_functions_that_hold_them() -> None:
    app = Flask("dropped")
    lifecycle.on_worker_start(app, lambda workers, app=app: None)  # type: ignore[misc]
    gone = ref(app)

    del app
    gc.collect()

    assert gone() is None
