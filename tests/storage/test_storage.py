"""The recipe: disks on an app, what they announce, what a request is answered with."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_rf import RF
from flask_rf import SetupError
from flask_rf import Storage
from flask_rf import storage as storage_module
from flask_rf import StorageCheck
from flask_rf import StorageError
from flask_rf.checks import checks_of
from flask_rf.lifecycle import start_worker
from flask_rf.signals import storage_operation
from flask_rf.storage import NoSpace
from flask_rf.storage import NotFound
from flask_rf.storage import Unavailable
from flask_rf.storage.memory import MemoryDriver
from tests.conftest import Logged

MEMORY = {"driver": "memory"}


@pytest.fixture
def storage(app: Flask) -> Storage:
    return Storage(app, disks={"files": MEMORY, "other": MEMORY})


def test_the_default_disk_can_be_left_out(storage: Storage) -> None:
    storage.put("a", b"tea")
    assert storage.disk("files").get("a") == storage.get("a") == b"tea"
    assert storage.disk("other").files() == []


def test_what_no_disk_can_do_is_no_attribute(storage: Storage) -> None:
    for name in ("putt", "_mount", "__deepcopy__"):
        assert not hasattr(storage, name)
    assert not hasattr(Storage(), "putt")
    with pytest.raises(SetupError, match="Storage is set up on no app"):
        Storage().put("a", b"")


def test_rf_brings_storage(app: Flask) -> None:
    app.config["STORAGE_DISKS"] = {"files": MEMORY}
    rf = RF(app)
    rf.storage.put("a", b"tea")
    assert rf.storage.disk("files").get("a") == b"tea"


def test_two_apps_have_disks_of_their_own() -> None:
    storage, shop, forum = Storage(disks={"files": MEMORY}), Flask("shop"), Flask("forum")
    storage.init_app(shop)
    storage.init_app(forum)
    with shop.app_context():
        storage.put("a", b"tea")
    with forum.app_context():
        assert storage.missing("a")


# --- Signals ---


@pytest.fixture
def heard(app: Flask) -> Iterator[list[dict[str, Any]]]:
    signals: list[dict[str, Any]] = []

    def hear(sender: Any, **told: Any) -> None:
        assert sender is app
        assert told.pop("seconds") >= 0
        signals.append(told)

    with storage_operation.connected_to(hear):
        yield signals


def told(operation: str, outcome: str = "ok", count: int = 0) -> dict[str, Any]:
    return {"disk": "files", "operation": operation, "outcome": outcome, "bytes": count}


def test_each_use_is_announced(storage: Storage, heard: list[dict[str, Any]]) -> None:
    storage.put("a", b"tea")
    storage.append("a", b"!")
    storage.get("a")
    storage.exists("nothing")
    storage.all_files()
    storage.put_file("", io.BytesIO(b"milk"))
    storage.delete("a")
    assert heard == [
        told("put", count=3),
        told("append", count=4),
        told("get", count=4),
        told("exists"),
        told("all_files"),
        told("put_file", count=4),
        told("delete"),
    ]


def test_a_stream_is_announced_when_it_is_closed(
    storage: Storage, heard: list[dict[str, Any]]
) -> None:
    storage.put("a", bytes(1_000_000))
    heard.clear()
    with storage.read_stream("a") as stream:
        next(stream)
        assert heard == []
    assert heard[0]["operation"] == "read_stream"
    assert 0 < heard[0]["bytes"] < 1_000_000
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("use", "outcome"),
    [
        (lambda storage: storage.get("nothing"), "not_found"),
        (lambda storage: storage.get("../a"), "invalid_path"),
        (lambda storage: storage.put("a", b"tea", max_bytes=1), "too_large"),
        (lambda storage: storage.put("a", 7), "error"),
    ],
)
def test_failures_are_announced(
    storage: Storage, heard: list[dict[str, Any]], use: Any, outcome: str
) -> None:
    with pytest.raises((StorageError, TypeError)):
        use(storage)
    assert [each["outcome"] for each in heard] == [outcome]


def test_a_receiver_that_fails_changes_nothing_of_what_was_done(
    storage: Storage, logged: Logged
) -> None:
    def fail(sender: Any, **told: Any) -> None:
        raise RuntimeError("deaf")

    with storage_operation.connected_to(fail):
        path = storage.put_file("", b"tea")
        with pytest.raises(NotFound):
            storage.get("nothing")
        with storage.read_stream(path) as stream:
            assert stream.read() == b"tea"
    said = [record.getMessage() for record in logged()]
    assert said == ["A receiver of the signal storage-operation failed"] * 3


def test_a_stream_that_fails_is_announced_as_failed(
    storage: Storage, heard: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"tea"
        raise Unavailable("cut off")

    from flask_rf.storage import Pieces

    monkeypatch.setattr(MemoryDriver, "open", lambda *_: Pieces(broken()))
    with pytest.raises(Unavailable) as caught:
        storage.get("a")
    assert str(caught.value) == "'a' on the disk 'files': cut off"
    assert heard == [told("get", "unavailable", 3)]


# --- Errors that no view catches ---


@pytest.mark.parametrize(
    "error", [each for each in vars(storage_module).values() if isinstance(each, type)]
)
def test_every_error_says_how_it_came_out(error: type) -> None:
    if issubclass(error, StorageError):
        assert error.outcome.replace("_", "").isalpha()
        assert error.status in (400, 404, 409, 413, 415, 500, 503, 507)


def failing(app: Flask, error: Exception) -> Any:
    def view() -> None:
        raise error

    app.add_url_rule("/", "view", view)
    return app.test_client()


def test_a_missing_file_is_a_404_of_the_apps_own(app: Flask, storage: Storage) -> None:
    app.register_error_handler(404, lambda error: ("our own page", 404))
    app.add_url_rule("/<path:path>", "show", storage.response)
    response = app.test_client().get("/nothing")
    assert (response.status_code, response.text) == (404, "our own page")


@pytest.mark.parametrize("error", [Unavailable("deaf"), NoSpace("full")])
def test_what_is_to_be_mended_is_logged(
    app: Flask, storage: Storage, caplog: pytest.LogCaptureFixture, error: StorageError
) -> None:
    with caplog.at_level(logging.ERROR):
        assert failing(app, error).get("/").status_code == error.status
    assert error.reason in caplog.text


def test_other_errors_are_the_apps_to_see(app: Flask, storage: Storage) -> None:
    app.testing = True
    with pytest.raises(storage_module.Denied):
        failing(app, storage_module.Denied("no")).get("/")


def test_an_app_can_answer_by_itself(app: Flask, storage: Storage) -> None:
    app.register_error_handler(StorageError, lambda error: (error.reason, 418))
    response = failing(app, NotFound("nowhere")).get("/")
    assert (response.status_code, response.text) == (418, "nowhere")


# --- Health, workers ---


def test_every_disk_has_a_check_that_only_warns(app: Flask, storage: Storage) -> None:
    checks = {check.name: check for check in checks_of(app)}
    assert set(checks) == {"storage:files", "storage:other"}
    assert not any(check.critical or check.ready for check in checks.values())
    assert all(check.applies() for check in checks.values())
    assert checks["storage:files"].function() == {"status": "pass"}


def test_a_disk_that_no_setting_declares_is_checked_once_it_has_files(tmp_path: Path) -> None:
    """An image whose own folders are not writable is in good health while nothing is stored."""
    app = Flask("shop", instance_path=str(tmp_path))
    storage = Storage(app)
    (check,) = checks_of(app)
    assert not check.applies()
    storage.put("a", b"tea")
    assert check.applies()


def test_a_check_can_write(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    check = StorageCheck(storage.disk(), write=True)
    assert check() == {"status": "pass"}
    assert storage.all_files() == []
    monkeypatch.setattr(MemoryDriver, "open", lambda *_: storage_module.Pieces(iter([b"other"])))
    assert check() == {"status": "fail", "output": "what is read is not what was written"}


def test_a_disk_that_is_away_fails_its_check_with_the_reason(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(driver: MemoryDriver) -> None:
        raise Unavailable("deaf")

    monkeypatch.setattr(MemoryDriver, "check", fail)
    assert StorageCheck(storage.disk())() == {"status": "fail", "output": "deaf"}


def test_drivers_get_ready_when_a_worker_starts(
    app: Flask, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(MemoryDriver, "start", lambda driver: started.append(driver))
    start_worker(1)
    assert len(started) == 2
