"""Disks made of disks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_rf import Storage
from flask_rf.storage import AlreadyExists
from flask_rf.storage import Conflict
from flask_rf.storage import Denied
from flask_rf.storage import Disk
from flask_rf.storage import InvalidPath
from flask_rf.storage import NotFound

MEMORY = {"driver": "memory"}


@pytest.fixture
def storage(app: Flask, tmp_path: Path) -> Storage:
    disks = {
        "files": MEMORY | {"serve": True},
        "old": {"driver": "local", "root": str(tmp_path / "old")},
        "avatars": {"driver": "scoped", "disk": "files", "prefix": "people/avatars"},
        "archive": {"driver": "read_only", "disk": "files"},
        "both": {"driver": "read_through", "disk": "files", "fallback": "old"},
        "frozen": {"driver": "read_only", "disk": "avatars"},
    }
    return Storage(app, disks=disks)


# --- Scoped ---


@pytest.fixture(params=["configured", "by hand"])
def avatars(storage: Storage, request: pytest.FixtureRequest) -> Disk:
    if request.param == "configured":
        return storage.disk("avatars")
    return storage.disk("files").scoped("people").scoped("avatars")


def test_a_scoped_disk_is_a_directory_of_another(storage: Storage, avatars: Disk) -> None:
    files = storage.disk("files")
    avatars.put("ann.png", b"ann")
    avatars.put("old/bob.png", b"bob")
    files.put("people/list", b"")
    assert files.get("people/avatars/ann.png") == b"ann"
    assert avatars.all_files() == ["ann.png", "old/bob.png"]
    assert avatars.directories() == ["old"]
    assert avatars.files("old") == ["old/bob.png"]
    avatars.copy("ann.png", "b")
    avatars.move("b", "c")
    avatars.append("c", b"!")
    avatars.set_visibility("c", "public")
    assert (avatars.get("c"), avatars.visibility("c"), avatars.checksum("c", "md5")[:4]) == (
        b"ann!",
        "public",
        files.checksum("people/avatars/c", "md5")[:4],
    )
    avatars.delete("c")
    avatars.make_directory("d")
    avatars.delete_directory("old")
    assert avatars.directories() == ["d"]
    avatars.delete_directory("")
    assert files.all_files() == ["people/list"]


def test_no_path_leads_out_of_a_scope(storage: Storage, avatars: Disk) -> None:
    storage.disk("files").put("people/list", b"")
    with pytest.raises(InvalidPath):
        avatars.get("../list")
    with pytest.raises(InvalidPath):
        storage.disk("files").scoped("people/..")


def test_errors_name_the_path_that_was_asked_for(storage: Storage) -> None:
    with pytest.raises(NotFound) as caught:
        storage.disk("avatars").get("ann.png")
    assert str(caught.value) == "'ann.png' on the disk 'avatars': there is no such file"


def test_the_urls_of_a_scope_lead_to_its_files(app: Flask, storage: Storage, avatars: Disk) -> None:
    avatars.put("a.txt", b"tea", visibility="public")
    client = app.test_client()
    assert client.get(avatars.url("a.txt")).data == b"tea"
    assert client.get(avatars.temporary_url("a.txt", 60)).data == b"tea"
    upload = avatars.temporary_upload_url("b.txt", 60, "text/plain", size=4)
    assert client.put(upload["url"], data=b"milk", headers=upload["headers"]).status_code == 200
    assert storage.disk("files").get("people/avatars/b.txt") == b"milk"


# --- Read-only ---


@pytest.mark.parametrize("name", ["archive", "by hand"])
def test_nothing_can_be_changed_on_a_read_only_disk(storage: Storage, name: str) -> None:
    files = storage.disk("files")
    files.put("a/b", b"tea", visibility="public")
    archive = files.read_only() if name == "by hand" else storage.disk(name)
    changes: list[Callable[[], Any]] = [
        lambda: archive.put("a/b", b""),
        lambda: archive.put_file("a", b""),
        lambda: archive.append("a/b", b""),
        lambda: archive.copy("a/b", "c"),
        lambda: archive.move("a/b", "c"),
        lambda: archive.delete("a/b"),
        lambda: archive.set_visibility("a/b", "private"),
        lambda: archive.make_directory("d"),
        lambda: archive.delete_directory("a"),
        lambda: archive.temporary_upload_url("c", 60, "text/plain", size=1),
        lambda: archive.complete_upload("c", "1", 1),
        lambda: archive.abort_upload("c", "1"),
    ]
    for change in changes:
        with pytest.raises(Denied, match="the disk is read-only"):
            change()
    assert archive.get("a/b") == b"tea"
    assert archive.all_files() == files.all_files() == ["a/b"]
    assert archive.url("a/b").endswith("/a/b")
    assert archive.driver.tidy(0) == 0


def test_wrappers_can_be_wrapped(storage: Storage) -> None:
    storage.disk("avatars").put("a", b"tea")
    assert storage.disk("frozen").get("a") == b"tea"
    with pytest.raises(Denied):
        storage.disk("frozen").delete("a")
    assert storage.disk("frozen").driver.describe() == (
        "'people/avatars' in this process's memory, read-only"
    )


# --- Read-through ---


@pytest.fixture
def both(storage: Storage) -> Disk:
    old = storage.disk("old")
    old.put("a/file", b"tea", content_type="text/x-tea", metadata={"by": "ann"})
    old.set_visibility("a/file", "public")
    return storage.disk("both")


def test_what_is_read_of_the_fallback_is_promoted(storage: Storage, both: Disk) -> None:
    files = storage.disk("files")
    assert both.size("a/file") == 3
    assert files.missing("a/file")
    assert both.get("a/file") == b"tea"
    assert files.get("a/file") == b"tea"
    info = files.info("a/file")
    assert (info.content_type, info.metadata) == ("text/x-tea", {"by": "ann"})
    assert files.visibility("a/file") == "public"


def test_the_first_disk_wins_and_takes_all_that_is_written(storage: Storage, both: Disk) -> None:
    both.put("a/file", b"milk")
    both.put("b", b"water")
    assert both.get("a/file") == b"milk"
    assert storage.disk("old").get("a/file") == b"tea"
    assert storage.disk("old").missing("b")
    assert both.all_files() == ["a/file", "b"]
    assert both.directories() == ["a"]


def test_a_file_of_the_fallback_can_be_changed_and_moved(storage: Storage, both: Disk) -> None:
    both.append("a/file", b"!")
    assert both.get("a/file") == b"tea!"
    both.set_visibility("a/file", "private")
    assert both.visibility("a/file") == "private"
    both.move("a/file", "moved")
    assert both.all_files() == ["moved"]
    assert both.missing("a/file")


def test_conditions_are_of_a_file_of_the_fallback_too(storage: Storage, both: Disk) -> None:
    with pytest.raises(AlreadyExists):
        both.put("a/file", b"milk", if_none_match=True)
    with pytest.raises(Conflict):
        both.put("a/file", b"milk", if_match="another")
    assert storage.disk("files").missing("a/file")
    both.put("a/file", b"milk", if_match=both.info("a/file").etag)
    assert both.get("a/file") == b"milk"
    with pytest.raises(Conflict):
        both.put("a/file", b"wine", if_match=storage.disk("old").info("a/file").etag)


def test_what_is_deleted_does_not_come_back(storage: Storage, both: Disk) -> None:
    both.get("a/file")
    both.delete("a/file")
    assert both.missing("a/file")
    storage.disk("old").put("b/c", b"")
    both.delete_directory("b")
    assert both.all_files() == []


def test_what_is_on_neither_is_not_found(both: Disk) -> None:
    for use in (both.get, both.info, both.visibility, both.checksum):
        with pytest.raises(NotFound):
            use("nothing")


def test_urls_are_those_of_a_promoted_file(app: Flask, storage: Storage, both: Disk) -> None:
    assert app.test_client().get(both.temporary_url("a/file", 60)).data == b"tea"
    assert storage.disk("files").exists("a/file")


def test_what_has_a_path_is_a_promoted_file(app: Flask, tmp_path: Path) -> None:
    disks = {
        "first": {"driver": "local", "root": str(tmp_path)},
        "old": MEMORY,
        "both": {"driver": "read_through", "disk": "first", "fallback": "old"},
    }
    storage = Storage(app, disks=disks)
    storage.disk("old").put("a/file", b"tea")
    assert Path(storage.disk("both").path("a/file")).read_bytes() == b"tea"


def test_a_full_first_disk_does_not_hide_the_fallback(
    app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    disks = {
        "broken": {"driver": "local", "root": str(tmp_path / "first")},
        "first": {"driver": "read_only", "disk": "broken"},
        "old": MEMORY,
        "both": {"driver": "read_through", "disk": "first", "fallback": "old"},
    }
    storage = Storage(app, disks=disks)
    storage.disk("old").put("file", b"tea")
    with caplog.at_level(logging.WARNING, "flask_rf"):
        assert storage.disk("both").get("file") == b"tea"
    assert "'file' stays on this process's memory: the disk is read-only" in caplog.text


def test_both_disks_are_checked(storage: Storage, both: Disk) -> None:
    both.driver.check()
    assert ", or else " in both.driver.describe()
