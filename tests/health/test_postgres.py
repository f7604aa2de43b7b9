"""Rule 20 on a real PostgreSQL: it answers, goes, hangs and comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from psycopg.errors import Error
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from flask_rf import Health
from flask_rf.health import DatabaseCheck
from tests.parts.postgres import PostgresProcess
from tests.parts.processes import wait_until

pytestmark = pytest.mark.postgres

WAYS = ["engine", "url", "extension", "function"]


@pytest.fixture(scope="module")
def _postgres() -> Iterator[PostgresProcess]:
    server = PostgresProcess()
    yield server
    server.stop()


@pytest.fixture
def postgres(_postgres: PostgresProcess) -> PostgresProcess:
    if not _postgres.process.alive:
        _postgres.start()
    return _postgres


@pytest.fixture
def check(
    request: pytest.FixtureRequest, app: Flask, postgres: PostgresProcess
) -> Iterator[Callable[[], None]]:
    """The check of a database, given in one of the ways there are."""
    way = request.param
    engine = create_engine(postgres.url, pool_size=2)
    if way == "extension":
        app.config["SQLALCHEMY_DATABASE_URI"] = postgres.url
    database: Any = {
        "engine": lambda: engine,
        "url": lambda: postgres.url,
        "extension": lambda: SQLAlchemy(app),
        "function": lambda: postgres.connect,
    }[way]()
    with app.app_context():
        yield DatabaseCheck(database)
        if way == "extension":
            database.engine.dispose()
    engine.dispose()


@pytest.mark.parametrize("check", WAYS, indirect=True)
def test_rule_20_it_passes_and_gives_every_connection_back(
    check: Callable[[], None], postgres: PostgresProcess
) -> None:
    for _ in range(20):
        check()
    wait_until(lambda: postgres.connections() <= 1)  # the one that a pool keeps


@pytest.mark.parametrize("check", WAYS, indirect=True)
def test_rule_20_it_fails_without_the_server_and_passes_once_that_is_back(
    check: Callable[[], None], postgres: PostgresProcess
) -> None:
    check()
    postgres.kill()
    for _ in range(3):
        with pytest.raises((OperationalError, Error)):
            check()
    postgres.start()

    def passes() -> bool:
        try:
            check()
        except (OperationalError, Error):
            return False  # a pool learns of dead connections when it uses them
        return True

    wait_until(passes)


def hanging() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "health check database"]


def test_rule_07_a_server_that_hangs_costs_one_thread_and_the_deadline(
    app: Flask, postgres: PostgresProcess
) -> None:
    health = Health(app, details="always", cache=0, timeout=0.3, disk_paths=())
    health.add("database", DatabaseCheck(postgres.url))
    client = app.test_client()
    wait_until(lambda: client.get("/health/ready").status_code == 200)
    postgres.pause()
    try:
        answers = [client.get("/health/ready") for _ in range(5)]
        wait_until(lambda: len(hanging()) == 1, what="one thread")  # others have yet to end
    finally:
        postgres.resume()
    found = [answer.get_json(force=True)["checks"]["database"][0] for answer in answers]
    assert {answer.status_code for answer in answers} == {503}
    assert {one["output"] for one in found} == {"timed out"}
    wait_until(lambda: client.get("/health/ready").status_code == 200)
