from __future__ import annotations

import importlib
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import current_app
from flask import Flask

from flask_rf import Health
from flask_rf import SetupError
from flask_rf.health import DatabaseCheck


@pytest.fixture
def sqlalchemy() -> Any:
    pytest.importorskip("sqlalchemy")
    return importlib.import_module("sqlalchemy")


class Connection(sqlite3.Connection):
    """A DB-API connection that tells whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


def connection() -> Connection:
    return sqlite3.connect(":memory:", factory=Connection)


def test_rule_20_a_function_that_gives_a_connection_passes_and_is_given_it_back() -> None:
    given: list[Connection] = []

    def connect() -> Connection:
        given.append(connection())
        return given[-1]

    DatabaseCheck(connect)()
    assert [one.closed for one in given] == [True]


def test_rule_20_a_connection_is_given_back_after_an_error() -> None:
    broken = connection()
    broken.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
    with pytest.raises(sqlite3.DatabaseError):
        DatabaseCheck(lambda: broken)()
    assert broken.closed


def test_rule_20_an_engine_gets_its_connection_back(sqlalchemy: Any) -> None:
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.QueuePool)
    check = DatabaseCheck(engine)
    check(), check()
    assert engine.pool.checkedout() == 0
    engine.dispose()


def test_rule_20_a_url_is_connected_to(sqlalchemy: Any, tmp_path: Path) -> None:
    DatabaseCheck(f"sqlite:///{tmp_path}/shop.db")()
    with pytest.raises(sqlalchemy.exc.OperationalError):
        DatabaseCheck(f"sqlite:///{tmp_path}/none/shop.db")()


def test_rule_20_an_extension_with_an_engine_for_the_app_is_asked_within_it(
    app: Flask, sqlalchemy: Any
) -> None:
    class Database:
        """As Flask-SQLAlchemy: its engine is the current app's."""

        @property
        def engine(self) -> Any:
            return current_app.extensions["engine"]

    app.extensions["engine"] = sqlalchemy.create_engine(
        # One that is kept for a thread would be left open with it, of which Python 3.13 complains.
        "sqlite://",
        poolclass=sqlalchemy.NullPool,
    )
    health = Health(app, details="always")
    health.add("database", DatabaseCheck(Database()))
    found = app.test_client().get("/health/ready").get_json(force=True)
    assert found["checks"]["database"][0]["status"] == "pass"


def test_a_url_that_cannot_be_meant_is_refused_at_once(sqlalchemy: Any) -> None:
    with pytest.raises(sqlalchemy.exc.ArgumentError):
        DatabaseCheck("shop.db")


@pytest.mark.parametrize("database", [None, 7, ["sqlite://"]])
def test_what_is_no_database_is_refused_at_once(database: object) -> None:
    with pytest.raises(TypeError, match="is no database"):
        DatabaseCheck(database)


def test_a_url_without_sqlalchemy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(SetupError, match=r"pip install 'flask-rf\[db\]'"):
        DatabaseCheck("sqlite://")
