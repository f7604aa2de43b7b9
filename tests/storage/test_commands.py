"""``flask rf storage``."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from flask_rf import Storage
from flask_rf.cli import rf
from flask_rf.storage import Entry
from flask_rf.storage import Unavailable
from flask_rf.storage.driver import Pieces
from flask_rf.storage.memory import MemoryDriver
from tests.parts.processes import ROOT


class Broken(MemoryDriver):
    def describe(self) -> str:
        return "broken"

    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        raise Unavailable("no medium")

    def tidy(self, seconds: float) -> int:
        raise Unavailable("no medium")


@pytest.fixture
def storage(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    app.cli.add_command(rf)
    disks = {
        "files": {"driver": "memory", "serve": True},
        "other": {"driver": "local", "root": str(tmp_path / "other")},
        "broken": {"driver": Broken},
    }
    return Storage(app, disks=disks)


def run(storage: Storage, *arguments: str, **options: Any) -> Result:
    return storage.app.test_cli_runner().invoke(args=["rf", "storage", *arguments], **options)


def output(storage: Storage, *arguments: str, **options: Any) -> str:
    result = run(storage, *arguments, **options)
    assert result.exit_code == 0, result.output
    return result.stdout


def complaint(storage: Storage, *arguments: str) -> str:
    result = run(storage, *arguments)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    return result.stderr


def test_the_disks_are_listed(storage: Storage, tmp_path: Path) -> None:
    lines = output(storage).splitlines()
    assert lines == [
        "* files  this process's memory",
        f"  other  {tmp_path}/other",
        "  broken  broken",
    ]


def test_files_are_listed(storage: Storage) -> None:
    for path in ("a.txt", "b/c.txt", "b/d/e.txt"):
        storage.put(path, b"x" * 1234)
    assert output(storage, "ls") == "b/\na.txt\n"
    assert output(storage, "ls", "b", "-r") == "b/d/\nb/c.txt\nb/d/e.txt\n"
    directory, file = output(storage, "ls", "-l").splitlines()
    assert directory.split() == ["b/"]
    size, _, _, kind, path = file.split()
    assert (size, kind, path) == ("1,234", "text/plain", "a.txt")
    assert directory.index("b/") == file.index("a.txt")
    assert output(storage, "ls", "--disk", "other") == ""


def test_a_file_is_carried_there_and_back(storage: Storage) -> None:
    content = os.urandom(3_000_000)
    Path("photo.png").write_bytes(content)
    result = run(storage, "put", "photo.png", "album/")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr == "album/photo.png\n"
    assert storage.get("album/photo.png") == content
    output(storage, "get", "album/photo.png", "back.png")
    assert Path("back.png").read_bytes() == content
    assert run(storage, "get", "album/photo.png", "-").stdout_bytes == content


SHOWN = """
import sys
from flask import Flask
from flask_rf import Storage
from flask_rf.cli import rf
from flask_rf.storage import Entry
from flask_rf.storage import Unavailable
from flask_rf.storage.memory import MemoryDriver

app = Flask("shop")
Storage(app, disks={"files": {"driver": "local", "root": sys.argv[1]}})
with app.app_context():
    rf(["storage", "put", sys.argv[2], "photo.png"], obj=None, standalone_mode=False)
"""


@pytest.mark.servers
def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(os.urandom(3_000_000))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SHOWN, str(tmp_path / "disk"), str(tmp_path / "photo.png")]
    subprocess.run(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux's word for the end, once nobody writes any more
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert b"photo.png" in shown and b"[####" in shown and b"100%" in shown


@pytest.mark.servers
def test_a_reader_who_has_enough_hears_no_more(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(os.urandom(3_000_000))
    disks = json.dumps({"files": {"driver": "local", "root": str(tmp_path)}})
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "flask", "--app", "examples.minimal", "rf", "storage"]
    ended = subprocess.run(
        [*command, "get", "photo.png", "-"],
        cwd=ROOT,
        env=os.environ | {"STORAGE_DISKS": disks},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr.strip()) == (1, "photo.png")


def test_standard_input_is_carried_too(storage: Storage) -> None:
    output(storage, "put", "-", "notes.txt", "--disk", "other", input="tea")
    assert storage.disk("other").get("notes.txt") == b"tea"


def test_nothing_is_replaced_by_mistake(storage: Storage) -> None:
    storage.put("a.txt", b"theirs")
    Path("a.txt").write_bytes(b"ours")
    assert "already" in complaint(storage, "put", "a.txt", "a.txt", "--new")
    assert complaint(storage, "get", "a.txt") == (
        "Error: there is a file 'a.txt' here already; --force replaces it\n"
    )
    assert Path("a.txt").read_bytes() == b"ours"
    output(storage, "get", "a.txt", "--force")
    assert Path("a.txt").read_bytes() == b"theirs"


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_what_comes_half_only_replaces_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, force: tuple[str, ...]
) -> None:
    def cut() -> Iterator[bytes]:
        yield b"the"
        raise Unavailable("the line was cut")

    storage.put("a.txt", b"theirs")
    if force:
        Path("a.txt").write_bytes(b"ours")
    monkeypatch.setattr(MemoryDriver, "open", lambda *_: Pieces(cut()))
    assert "the line was cut" in complaint(storage, "get", "a.txt", *force)
    assert [path.read_bytes() for path in Path().iterdir()] == ([b"ours"] if force else [])


def test_a_device_is_written_to_and_stays_one(storage: Storage) -> None:
    storage.put("a.txt", b"theirs")
    output(storage, "get", "a.txt", os.devnull, "--force")
    assert Path(os.devnull).is_char_device()


def test_files_and_directories_are_deleted(storage: Storage) -> None:
    for path in ("a", "b/c", "b/d/e", "f"):
        storage.put(path, b"")
    output(storage, "rm", "a", "f")
    assert "there is no file 'b'" in complaint(storage, "rm", "b")
    output(storage, "rm", "-r", "b")
    assert storage.all_files() == []


def test_urls_are_printed(storage: Storage) -> None:
    storage.put("a", b"tea", visibility="public")
    client = storage.app.test_client()
    assert client.get(output(storage, "url", "a").strip()).data == b"tea"
    assert output(storage, "url", "a", "--public") == "/storage/files/a\n"
    assert "1 to 604800" in complaint(storage, "url", "a", "--expires", "0")
    assert "there is no file 'b'" in complaint(storage, "url", "b")


def test_a_public_file_can_be_put(storage: Storage) -> None:
    Path("a.txt").write_bytes(b"tea")
    output(storage, "put", "a.txt", "a.txt", "--public")
    assert storage.visibility("a.txt") == "public"


def test_remainders_are_removed(storage: Storage, tmp_path: Path) -> None:
    storage.disk("other").put("a", b"")
    (tmp_path / "other" / ".rf-draft-1").touch()
    assert output(storage, "tidy", "--disk", "other") == "Removed 0 remainders.\n"
    assert output(storage, "tidy", "--disk", "other", "--older", "0") == "Removed 1 remainder.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("get", "nothing"), "'nothing' on the disk 'files': there is no such file"),
        (("get", "../a"), ".. leads elsewhere"),
        (("put", "-", "a/"), "the standard input has no name to keep"),
        (("rm", "-r", ""), "a whole disk is not deleted like this"),
        (("rm", "-r", "a", "./"), "a whole disk is not deleted like this"),
        (("ls", "--disk", "none"), "there is no disk 'none': there are files, other, broken"),
        (("get", "tea", "no/tea"), "Error: 'no/tea': No such file or directory"),
        (("tidy", "--disk", "broken"), "Error: the disk 'broken': no medium"),
        (("ls", "--disk", "broken"), "Error: the disk 'broken': no medium"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(
    storage: Storage, arguments: tuple[str, ...], words: str
) -> None:
    storage.put("tea", b"tea")
    assert words in complaint(storage, *arguments)


def test_without_storage_the_mend_is_named(app: Flask) -> None:
    app.cli.add_command(rf)
    result = app.test_cli_runner().invoke(args=["rf", "storage"])
    assert result.output == "Error: storage is not set up on this app; add Storage(app)\n"
