"""A local disk: nothing outside its root, nothing half-written, the loop left alone."""

from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_rf import Storage
from flask_rf import StorageError
from flask_rf.storage import Conflict
from flask_rf.storage import Denied
from flask_rf.storage import Disk
from flask_rf.storage import InvalidPath
from flask_rf.storage import NoSpace
from flask_rf.storage import NotFound
from flask_rf.storage import Obstructed
from flask_rf.storage import Unavailable
from flask_rf.storage import Unsupported
from flask_rf.storage.tree import DRAFT
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "disk"


@pytest.fixture
def disk(app: Flask, root: Path) -> Disk:
    return Storage(app, disks={"files": {"driver": "local", "root": str(root)}}).disk()


@pytest.fixture
def outside(tmp_path: Path, disk: Disk, root: Path) -> Path:
    """A folder beside the root, to which links in the root lead."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("sesame")
    disk.put("inside", b"tea")
    (root / "folder").symlink_to(folder)
    (root / "file").symlink_to(folder / "secret")
    (root / "dangling").symlink_to(folder / "nothing")
    (root / "loop").symlink_to(root)
    return folder


LINKED = ["folder/secret", "file", "loop/inside", "folder/new", "dangling"]


@pytest.mark.parametrize("path", LINKED)
def test_no_link_is_followed(disk: Disk, outside: Path, path: str) -> None:
    uses: list[Callable[[str], Any]] = [
        disk.get,
        disk.info,
        disk.visibility,
        lambda path: disk.set_visibility(path, "public"),
        lambda path: disk.append(path, "more"),
        lambda path: disk.copy(path, "copied"),
        lambda path: disk.move(path, "moved"),
    ]
    for use in uses:
        with pytest.raises((Denied, NotFound)):
            use(path)
    assert (outside / "secret").read_text() == "sesame"
    assert os.listdir(outside) == ["secret"]
    assert disk.all_files() == ["inside"]


def test_writing_through_a_link_to_a_folder_is_refused(disk: Disk, outside: Path) -> None:
    for use in (
        lambda: disk.put("folder/new", b""),
        lambda: disk.copy("inside", "folder/new"),
        lambda: disk.move("inside", "folder/new"),
        lambda: disk.make_directory("folder/new"),
        lambda: disk.delete("folder/secret"),
        lambda: disk.delete_directory("folder"),
        lambda: disk.delete_directory("folder/below"),
    ):
        with pytest.raises(Denied, match="symbolic links are not followed"):
            use()
    assert os.listdir(outside) == ["secret"]


@pytest.mark.parametrize("path", LINKED)
def test_to_strangers_nothing_is_there_where_a_link_is(
    app: Flask, root: Path, tmp_path: Path, path: str
) -> None:
    options = {"driver": "local", "root": str(root), "serve": True, "visibility": "public"}
    disk = Storage(app, disks={"files": options}).disk()
    disk.put("inside", b"tea")
    (tmp_path / "secret").write_text("sesame")
    (root / "folder").symlink_to(tmp_path)
    (root / "file").symlink_to(tmp_path / "secret")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    (root / "loop").symlink_to(root)
    client = app.test_client()
    assert client.get("/storage/files/inside").status_code == 200
    signed = disk.temporary_url(path, 60)
    assert [client.get(url).status_code for url in (disk.url(path), signed)] == [404, 404]
    upload = disk.temporary_upload_url("folder/new", 60, "text/plain", size=3)
    taken = client.put(upload["url"], data=b"abc", headers=upload["headers"])
    assert taken.status_code == 404 and not (tmp_path / "new").exists()


def test_writing_over_a_link_replaces_the_link(disk: Disk, outside: Path, root: Path) -> None:
    disk.put("file", b"mine")
    assert disk.get("file") == b"mine"
    assert not (root / "file").is_symlink()
    disk.delete("dangling")
    assert (outside / "secret").read_text() == "sesame"


def test_emptying_the_disk_removes_links_not_what_they_lead_to(disk: Disk, outside: Path) -> None:
    disk.delete_directory("")
    assert os.listdir(outside) == ["secret"]


def test_listings_pass_over_links_and_pipes(disk: Disk, outside: Path, root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert disk.all_files() == ["inside"]
    assert disk.all_directories() == []
    with pytest.raises(NotFound):
        disk.get("pipe")  # and does not wait for somebody to write to it


@pytest.mark.unpatched
def test_a_folder_swapped_for_a_link_in_between_leads_nowhere(
    disk: Disk, root: Path, tmp_path: Path
) -> None:
    """Two threads race: one swaps, one writes. Nothing ever lands outside."""
    outside = tmp_path / "outside"
    outside.mkdir()
    disk.make_directory("folder")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            with suppress(OSError):
                os.rename(root / "folder", root / "aside")
                os.symlink(outside, root / "folder")
                os.unlink(root / "folder")
                os.rename(root / "aside", root / "folder")

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(150):
            with suppress(StorageError):
                disk.put(f"folder/{number}", b"")
    finally:
        stop.set()
        swapper.join()
    assert os.listdir(outside) == []


def test_a_root_that_is_a_link_is_meant(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    root = str(tmp_path / "link")
    Storage(app, disks={"files": {"driver": "local", "root": root}}).put("a", b"tea")
    assert (tmp_path / "real" / "a").read_bytes() == b"tea"


def test_a_file_and_a_directory_of_one_name_are_obstructed(disk: Disk) -> None:
    disk.put("a", b"")
    disk.put("folder/b", b"")
    for use in (
        lambda: disk.put("a/b", b""),
        lambda: disk.put("folder", b""),
        lambda: disk.copy("a", "folder"),
        lambda: disk.move("a", "folder"),
        lambda: disk.make_directory("a"),
        lambda: disk.make_directory("a/b"),
    ):
        with pytest.raises(Obstructed):
            use()
    assert disk.all_files() == ["a", "folder/b"]


def test_names_of_drafts_are_nobodys(disk: Disk) -> None:
    with pytest.raises(InvalidPath, match="not for files of yours"):
        disk.put(f"{DRAFT}1", b"")


def test_a_directory_is_no_draft_whatever_its_name(disk: Disk) -> None:
    disk.put(f"{DRAFT}1/a", b"")
    assert disk.directories() == [f"{DRAFT}1"]
    assert disk.driver.tidy(-1) == 0


# --- Permissions ---


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_private_files_are_for_their_owner_alone(disk: Disk, root: Path) -> None:
    before = os.umask(0o077)
    try:
        disk.put("folder/private", b"")
        disk.put("folder/public", b"", visibility="public")
    finally:
        os.umask(before)
    assert (mode(root / "folder"), mode(root / "folder" / "private")) == (0o700, 0o600)
    assert mode(root / "folder" / "public") == 0o644


def test_a_public_disk_is_for_web_servers_too(app: Flask, root: Path) -> None:
    options = {"driver": "local", "root": str(root), "visibility": "public"}
    disk = Storage(app, disks={"files": options}).disk()
    disk.put("folder/file", b"")
    assert (mode(root / "folder"), mode(root / "folder" / "file")) == (0o755, 0o644)
    assert disk.visibility("folder/file") == "public"


# --- Bad days ---


TOO_LARGE = """
import resource, sys
from flask import Flask
from flask_rf import Storage
from flask_rf.storage import NoSpace

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
disk = Storage(Flask("shop"), disks={"files": {"driver": "local", "root": sys.argv[1]}}).disk()
try:
    disk.put("file", b"x" * 2_000_000)
except NoSpace as error:
    print(error.reason)
"""


def test_what_the_system_takes_no_more_of_leaves_what_was_there(disk: Disk, root: Path) -> None:
    disk.put("file", b"before")
    command = [sys.executable, "-c", TOO_LARGE, str(root)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == "the file system takes no file of this size\n", result.stderr
    assert disk.get("file") == b"before"
    assert os.listdir(root) == ["file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount; ENOSPC is also made below")
def test_a_full_disk_is_no_space_and_leaves_what_was_there(disk: Disk, root: Path) -> None:
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root], check=True)
    try:
        disk.put("file", b"before")
        with pytest.raises(NoSpace, match="no space is left"):
            disk.put("file", b"x" * 2_000_000)
        assert os.listdir(root) == ["file"]
        disk.put("other", b"x" * 500_000)
        assert disk.get("file") == b"before"
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)  # gevent closes a little later


ERRORS = {
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EACCES: Denied,
    errno.EROFS: Denied,
    errno.EIO: Unavailable,
    errno.ESTALE: Unavailable,
}


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_whatever_fails_while_writing_nothing_is_half_written(
    disk: Disk, root: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    disk.put("file", b"before")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch, pytest.raises(ERRORS[number]) as caught:
        patch.setattr(os, step, fail)
        disk.put("file", b"after")
    assert isinstance(caught.value.__cause__, OSError)
    assert (caught.value.disk, caught.value.path) == ("files", "file")
    assert disk.get("file") == b"before"
    assert os.listdir(root) == ["file"]


KILLED = """
import io, os, signal, sys
from flask import Flask
from flask_rf import Storage

class Endless(io.RawIOBase):
    count = 0
    def read(self, size):
        self.count += 1
        if self.count > 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return bytes(size)

disk = Storage(Flask("shop"), disks={"files": {"driver": "local", "root": sys.argv[1]}}).disk()
disk.put("file", Endless())
"""


def test_a_process_killed_while_it_writes_leaves_a_draft_that_tidying_removes(
    disk: Disk, root: Path
) -> None:
    disk.put("file", b"before")
    command = [sys.executable, "-c", KILLED, str(root)]
    assert subprocess.run(command, cwd=ROOT).returncode == -9
    assert disk.get("file") == b"before"
    assert disk.all_files() == ["file"]
    assert len(os.listdir(root)) == 2
    assert (disk.driver.tidy(3600), disk.driver.tidy(0)) == (0, 1)
    assert os.listdir(root) == ["file"]


def test_without_extended_attributes_types_are_looked_at_and_metadata_is_refused(
    disk: Disk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "setxattr", fail)
    monkeypatch.setattr(os, "getxattr", fail)
    disk.put("page", b"<!doctype html><p>", content_type="text/x-mine")
    assert disk.mime_type("page") == "text/html"
    with pytest.raises(Unsupported, match="keeps no metadata"):
        disk.put("page", b"after", metadata={"a": "b"})
    assert disk.get("page") == b"<!doctype html><p>"
    assert os.listdir(root) == ["page"]


def test_nothing_stays_open(disk: Disk, root: Path) -> None:
    disk.put("a/file", b"tea" * 1_000_000)
    disk.append("a/file", b"more")
    disk.copy("a/file", "b")
    disk.move("b", "c")
    disk.all_files()
    disk.read_stream("c").close()
    with disk.read_stream("c") as stream:
        stream.read(1)
        wait_until(lambda: len(open_below(root)) == 1)  # gevent closes a little later
    for use in (lambda: disk.get("a/none"), lambda: disk.put("a/file/none", b"")):
        with pytest.raises(StorageError):
            use()
    wait_until(lambda: open_below(root) == [])


def open_below(root: Path) -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in found if path.startswith(str(root))]


def test_the_root_is_made_with_the_first_file(disk: Disk, root: Path) -> None:
    assert (disk.files(), disk.exists("a")) == ([], False)
    disk.delete("a")
    disk.delete_directory("")
    disk.driver.check()
    assert not root.exists()
    disk.put("a", b"")
    assert root.is_dir()


@pytest.mark.parametrize("directory", ["", "a"])
def test_what_others_delete_meanwhile_keeps_nothing_in_a_directory(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    for path in ("a/b/c", "a/d"):
        disk.put(path, b"")
    names = os.listdir
    monkeypatch.setattr(os, "listdir", lambda place: ["gone", *names(place)])
    disk.delete_directory(directory)
    assert disk.all_files() == []


def test_a_directory_that_others_write_into_is_in_conflict(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmdir = os.rmdir

    def written_to(name: str, *, dir_fd: int) -> None:
        monkeypatch.setattr(os, "rmdir", rmdir)
        disk.put("a/new", b"tea")
        rmdir(name, dir_fd=dir_fd)

    disk.put("a/old", b"tea")
    monkeypatch.setattr(os, "rmdir", written_to)
    with pytest.raises(Conflict, match="files were written into the directory meanwhile"):
        disk.delete_directory("a")
    assert disk.all_files() == ["a/new"]


@pytest.mark.parametrize("if_none_match", [False, True])
def test_a_file_whose_directory_is_deleted_meanwhile_is_in_conflict(
    disk: Disk, root: Path, if_none_match: bool
) -> None:
    class Deleting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            disk.delete_directory("a")
            return super().read(size)

    with pytest.raises(Conflict, match="its directory was deleted meanwhile"):
        disk.put("a/b", Deleting(b"tea"), if_none_match=if_none_match)
    assert os.listdir(root) == []


def test_a_root_that_is_a_file_fails_the_check(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = {"driver": "local", "root": str(tmp_path / "file")}
    disk = Storage(app, disks={"files": options}).disk()
    with pytest.raises(Obstructed, match="is a file, no directory"):
        disk.driver.check()
    with pytest.raises(Obstructed, match="the disk's root is a file, no directory"):
        disk.put("a", b"tea")
