"""Errors, as other processes and people see them."""

from __future__ import annotations

import pickle

import pytest

from flask_rf import errors


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            errors.ConfigurationError("DOOR_LOCKS", "ten", "write a number", "environment"),
            "DOOR_LOCKS='ten' (from the environment): write a number",
        ),
        (errors.ConfigurationError("locks", 10, "write less"), "locks=10: write less"),
        (
            errors.RedisUnavailable("publish", "timed out"),
            "publish: Redis is unavailable (timed out)",
        ),
        (
            errors.BroadcastError("orders", "shipped", "no answer"),
            "'shipped' was not sent to 'orders': no answer",
        ),
        (errors.SetupError("call init_app"), "call init_app"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_says_the_same_in_another_process(error: errors.RFError, said: str) -> None:
    assert str(error) == said
    come = pickle.loads(pickle.dumps(error))  # as a pool of processes or a task queue sends it
    assert (type(come), str(come), vars(come)) == (type(error), said, vars(error))


def test_a_storage_error_brings_its_disk_and_path_along() -> None:
    error = errors.NotFound("there is no such file")
    error.disk, error.path = "files", "a"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(error) == "'a' on the disk 'files': there is no such file"
    error.path = ""  # the whole disk is meant
    assert str(error) == "the disk 'files': there is no such file"
    assert str(errors.NotFound("there is no such file")) == "there is no such file"
