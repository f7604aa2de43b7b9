from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.doctor.gunicorn import option
from flask_rf.doctor.gunicorn import Understood
from flask_rf.doctor.gunicorn import understood

STAR = "from flask_rf.gunicorn import *\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-c", "mine.py"], "mine.py"),
        (["-cmine.py"], "mine.py"),
        (["--config", "mine.py"], "mine.py"),
        (["--config=mine.py"], "mine.py"),
        (["-c", "first.py", "--config=last.py"], "last.py"),
        (["--chdir", "mine", "--check-config"], ""),
        (["-c"], ""),
    ],
    ids=str,
)
def test_the_last_of_an_option_is_what_is_said(arguments: list[str], said: str) -> None:
    assert option(["gunicorn", *arguments], "-c", "--config") == said


@pytest.mark.parametrize(
    ("arguments", "worker"),
    [
        ([], "sync"),
        (["-k", "gevent"], "gevent"),
        (["-kgevent"], "gevent"),
        (["--worker-class=sync", "--threads", "9"], "gthread"),
        (["--threads=1"], "sync"),
        (["-c", "python:flask_rf.gunicorn"], "gevent"),
        (["-c", "python:flask_rf.gunicorn", "-k", "sync"], "sync"),
    ],
    ids=str,
)
def test_a_command_line_says_the_worker_class(arguments: list[str], worker: str) -> None:
    ours = "python:flask_rf.gunicorn" in arguments
    assert understood(["gunicorn", *arguments, "app:app"], "") == Understood(worker, ours)


@pytest.mark.parametrize(
    ("source", "worker", "has_ours"),
    [
        ("workers = 3", "sync", False),
        ("worker_class = 'gevent'", "gevent", False),
        ("threads = 50", "gthread", False),
        ("threads = cpus()", "gthread", False),
        (f"{STAR}workers = 3", "gevent", True),
        (f"{STAR}worker_class = 'sync'", "sync", True),
        (f"{STAR}worker_class = 'gthread'", "gthread", True),
        ("from flask_rf.gunicorn import post_fork, worker_class", "gevent", True),
        ("from flask_rf import gunicorn\npost_fork = gunicorn.post_fork", "sync", True),
        ("import flask_rf.gunicorn", "sync", True),
        ("import os\nworker_class = os.environ['WORKER']", None, False),
        ("if debug:\n    worker_class = 'sync'\nelse:\n    worker_class = 'gevent'", None, False),
        ("from base import *", None, None),
        ("from base import *\nworker_class = 'gevent'", "gevent", None),
        ("worker_class = 'gev", None, None),
        ("\0", None, None),
        (None, None, None),
    ],
    ids=str,
)
def test_a_file_says_the_worker_class_as_far_as_it_can_be_read(
    source: str | None, worker: str | None, has_ours: bool | None
) -> None:
    assert understood(["gunicorn", "-c", "mine.py"], source) == Understood(worker, has_ours)


def test_the_command_line_overrules_the_file() -> None:
    assert understood(["-k", "gevent"], "worker_class = 'sync'").worker == "gevent"


@given(st.lists(st.text()), st.one_of(st.none(), st.text()))
def test_no_command_line_and_no_file_is_too_strange(arguments: list[str], source: str) -> None:
    assert understood(arguments, source).has_ours in (True, False, None)
