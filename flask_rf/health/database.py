"""Whether a database answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ..errors import SetupError

_QUERY = "SELECT 1"


class DatabaseCheck:
    """Asks a database for a row and gives the connection back.

    :param database: an SQLAlchemy engine, Flask-SQLAlchemy's ``db``, the URL of one for
        SQLAlchemy, or a function that returns a DB-API connection, which is closed afterwards.
    :raises TypeError: it is none of these.
    :raises SetupError: for a URL, SQLAlchemy is not installed.
    """

    def __init__(self, database: Any) -> None:
        self._ask = _way_to_ask(database)

    def __call__(self) -> None:
        self._ask()


def _way_to_ask(database: Any) -> Callable[[], None]:
    if isinstance(database, str):
        database = _engine(database)
    # Of the type: Flask-SQLAlchemy's engine is there within an app context only.
    if hasattr(type(database), "engine"):
        return lambda: _ask_engine(database.engine)
    if hasattr(database, "connect"):
        return lambda: _ask_engine(database)
    if callable(database):
        return lambda: _ask_connection(database())
    raise TypeError(
        f"{database!r} is no database: give an SQLAlchemy engine, Flask-SQLAlchemy's db, a URL, "
        "or a function that returns a connection"
    )


def _engine(url: str) -> Any:
    """An engine without a pool: it outlives forks, and keeps no connection between probes."""
    try:
        sqlalchemy = importlib.import_module("sqlalchemy")
    except ImportError:
        raise SetupError(
            "a database's URL needs SQLAlchemy: pip install 'flask-rf[db]'; "
            "or give a function that returns a connection"
        ) from None
    return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)


def _ask_engine(engine: Any) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(_QUERY).fetchone()


def _ask_connection(connection: Any) -> None:
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute(_QUERY)
        cursor.fetchone()
