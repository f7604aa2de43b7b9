"""A disk for the tests of apps."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask import request

from flask_rf import Storage
from flask_rf.storage import FakeDisk
from flask_rf.storage import Unsupported


@pytest.fixture
def storage(app: Flask, tmp_path: Path) -> Storage:
    disks = {
        "files": {"driver": "local", "root": str(tmp_path / "files")},
        "avatars": {"driver": "scoped", "disk": "files", "prefix": "avatars"},
    }
    return Storage(app, disks=disks)


def refusal(assertion: Any, *arguments: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        assertion(*arguments)
    return str(caught.value)


def test_an_apps_files_land_in_memory_while_it_is_faked(
    app: Flask, storage: Storage, tmp_path: Path
) -> None:
    @app.post("/avatar")
    def avatar() -> str:
        return storage.put_file("avatars", request.files["file"], types=["text/plain"])

    with storage.fake() as files:
        upload = {"file": (io.BytesIO(b"tea"), "a.txt")}
        response = app.test_client().post("/avatar", data=upload)
        files.assert_exists(response.text, b"tea")
        files.assert_count("avatars", 1)
    assert storage.all_files() == []
    assert not (tmp_path / "files").exists()


def test_parts_of_a_faked_disk_are_parts_of_the_fake(storage: Storage) -> None:
    kept = storage.disk("avatars")
    with storage.fake("files") as files:
        kept.put("ann.png", b"ann")
        files.assert_exists("avatars/ann.png")
    assert kept.missing("ann.png")


def test_only_the_named_disk_is_faked(storage: Storage, tmp_path: Path) -> None:
    with storage.fake("avatars") as avatars:
        storage.disk("files").put("avatars/real", b"")
        avatars.assert_count("", 0)
    assert (tmp_path / "files" / "avatars" / "real").exists()


def test_fakes_can_stand_within_each_other(storage: Storage) -> None:
    with storage.fake() as outer:
        outer.put("a", b"")
        with storage.fake() as inner:
            inner.assert_count("", 0)
        storage.disk().get("a")


def test_a_fake_has_urls_that_work(app: Flask, storage: Storage) -> None:
    with storage.fake() as files:
        files.put("a", b"tea")
        assert app.test_client().get(files.temporary_url("a", 60)).data == b"tea"


@pytest.mark.parametrize("name", ["cloud", "cdn", "part"])
def test_a_fake_has_urls_where_the_disk_has(app: Flask, tmp_path: Path, name: str) -> None:
    disks = {
        "cloud": {"driver": "s3", "bucket": "b", "endpoint": "http://127.0.0.1:1"},
        "cdn": {"driver": "local", "root": str(tmp_path), "public_url": "https://cdn.example"},
        "part": {"driver": "scoped", "disk": "cdn", "prefix": "a"},
        "mute": {"driver": "memory"},
    }
    storage = Storage(app, disks=disks)
    with storage.fake(name):
        assert storage.disk(name).url("b.png") == f"/storage/{name}/b.png"
    with storage.fake("mute") as mute, pytest.raises(Unsupported):
        mute.url("b.png")


@pytest.fixture
def files(storage: Storage) -> Any:
    with storage.fake() as files:
        files.put("a/b.txt", b"tea")
        files.put("c.txt", "grüße")
        yield files


LISTED = "; there are:\n  a/b.txt\n  c.txt"


def test_what_is_there_can_be_asserted(files: FakeDisk) -> None:
    files.assert_exists("a/b.txt")
    files.assert_exists("a/b.txt", b"tea")
    files.assert_exists("c.txt", "grüße")
    files.assert_missing("d")
    files.assert_count("", 2)
    files.assert_count("a", 1)
    files.assert_directory_empty("d")


def test_what_is_not_as_asserted_is_reported_with_all_there_is(files: FakeDisk) -> None:
    assert refusal(files.assert_exists, "d") == f"expected a file 'd'{LISTED}"
    assert refusal(files.assert_missing, "c.txt") == f"expected no file 'c.txt'{LISTED}"
    message = refusal(files.assert_exists, "a/b.txt", b"milk")
    assert message == "expected 'a/b.txt' to hold b'milk', not b'tea'"
    counted = refusal(files.assert_count, "a", 2)
    assert counted == f"expected 2 files in 'a', but found 1{LISTED}"
    assert refusal(files.assert_count, "", 1).startswith("expected 1 file on the disk, but found 2")
    assert "expected 0 files in 'a'" in refusal(files.assert_directory_empty, "a")
    files.delete_directory("")
    assert refusal(files.assert_exists, "d") == "expected a file 'd'; there are none"
