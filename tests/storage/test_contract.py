"""What every disk promises: memory, a local one, and S3 on each server."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage

from flask_rf.storage import AlreadyExists
from flask_rf.storage import Conflict
from flask_rf.storage import Disk
from flask_rf.storage import Incomplete
from flask_rf.storage import InvalidPath
from flask_rf.storage import NotFound
from flask_rf.storage import TooLarge
from flask_rf.storage import Unsupported
from flask_rf.storage import WrongType
from flask_rf.storage.local import LocalDriver
from flask_rf.storage.parts import PART

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
#: More than goes to S3 in one request, and no multiple of anything.
LARGE = bytes(range(251)) * (PART // 251 + 1000)


class Trickle(io.RawIOBase):
    """A stream of unknown length that gives little at a time."""

    def __init__(self, content: bytes, step: int = 70_001) -> None:
        self._content = io.BytesIO(content)
        self.size = len(content)
        self._step = step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._content.readinto(memoryview(buffer)[: self._step])


# --- Reading and writing ---


def test_what_was_put_is_got(disk: Disk) -> None:
    disk.put("notes/today.txt", b"tea")
    disk.put("notes/today.txt", b"more tea")
    assert disk.get("notes/today.txt") == b"more tea"


def test_text_is_utf_8_and_names_may_be_anything(disk: Disk) -> None:
    path = "notes/é ü+%?#&='\" ~.txt"
    disk.put(path, "grüße")
    assert disk.get(path) == "grüße".encode()
    assert disk.files("notes") == [path]
    disk.delete(path)
    assert disk.missing(path)


def test_an_empty_file_is_a_file(disk: Disk) -> None:
    disk.put("empty", b"")
    assert (disk.get("empty"), disk.size("empty"), disk.exists("empty")) == (b"", 0, True)


def test_json_is_read_by_the_apps_provider(disk: Disk) -> None:
    disk.put("order.json", '{"id": 7}')
    assert disk.json("order.json") == {"id": 7}


def test_streams_of_every_kind_are_written(disk: Disk) -> None:
    uploaded = FileStorage(io.BytesIO(b"tea"), "photo.exe")
    for stream in (io.BytesIO(b"tea"), bytearray(b"tea"), Trickle(b"tea"), uploaded):
        disk.put("stream", stream)
        assert disk.get("stream") == b"tea"


@pytest.mark.parametrize("make", [io.BytesIO, Trickle])
def test_large_streams_are_written(disk: Disk, make: Callable[[bytes], Any]) -> None:
    disk.put("stream", make(LARGE))
    assert disk.checksum("stream") == hashlib.sha256(LARGE).hexdigest()


def test_a_file_is_written_from_where_it_stands(disk: Disk) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"headbody")
        file.seek(4)
        disk.write_stream("body", file)
    assert disk.get("body") == b"body"


def test_a_file_is_read_as_a_stream(disk: Disk) -> None:
    disk.put("large", LARGE)
    with disk.read_stream("large") as stream:
        head, rest = stream.read(10), b"".join(stream)
    assert head + rest == LARGE
    assert stream.closed
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


RANGES = [(2, None, b"cdef"), (2, 3, b"cde"), (4, 9, b"ef"), (6, None, b""), (9, 2, b"")]


def test_a_stream_begins_and_ends_where_it_is_told(disk: Disk) -> None:
    disk.put("letters", b"abcdef")
    for start, length, expected in [*RANGES, (1, 0, b"")]:
        with disk.read_stream("letters", start, length) as stream:
            assert stream.read() == expected


def test_what_is_not_there_is_not_found(disk: Disk) -> None:
    disk.put("folder/file", b"")
    uses: list[Callable[[str], Any]] = [
        disk.get,
        disk.read_stream,
        disk.info,
        disk.visibility,
        disk.checksum,
        lambda path: disk.set_visibility(path, "private"),
        lambda path: disk.copy(path, "elsewhere"),
        lambda path: disk.move(path, path),
        lambda path: disk.read_stream(path, 0, 0),
    ]
    for path in ("nothing", "folder", "folder/file/nothing"):
        for use in uses:
            with pytest.raises(NotFound) as caught:
                use(path)
            assert (caught.value.disk, caught.value.path) == ("files", path)
        assert disk.missing(path)


# --- What is known of a file ---


def test_size_date_and_etag_are_known(disk: Disk) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=2)
    disk.put("file", b"tea")
    first = disk.info("file")
    disk.put("file", b"teas")
    second = disk.info("file")
    assert (first.size, second.size, disk.size("file")) == (3, 4, 4)
    assert first.etag != second.etag
    assert '"' not in first.etag
    assert before < disk.last_modified("file") < datetime.now(timezone.utc) + timedelta(seconds=2)


TYPES: list[tuple[str, Any, str | None, str]] = [
    ("photo.jpg", b"no photo", None, "image/jpeg"),
    ("photo", PNG, None, "image/png"),
    ("notes", "text", None, "text/plain"),
    ("thing", b"\x00\x01", None, "application/octet-stream"),
    ("photo.jpg", PNG, "image/x-mine", "image/x-mine"),
]


def test_the_type_is_what_is_said_or_named_or_seen(disk: Disk) -> None:
    for path, content, given, expected in TYPES:
        disk.put(path, content, content_type=given)
        assert disk.mime_type(path) == expected


#: Path, content, given type; what is kept of it, and what browsers are told.
TEXTS: list[tuple[str, Any, str | None, str, str]] = [
    ("a.txt", "grüße ✓", None, "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
    ("notes", "grüße ✓", None, "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
    ("app.js", "'✓'", None, "text/javascript; charset=utf-8", "text/javascript; charset=utf-8"),
    ("a.json", '"✓"', None, "application/json", "application/json"),
    ("a.svg", "<svg/>", None, "image/svg+xml", "image/svg+xml"),
    ("b.txt", "grüße ✓".encode(), None, "text/plain", "text/plain; charset=utf-8"),
    ("c.txt", "tea", "text/x-tea", "text/x-tea", "text/x-tea; charset=utf-8"),
    ("d.txt", b"\xe9", "text/plain; CharSet=latin1", "text/plain; CharSet=latin1", ""),
]


def test_what_is_text_says_that_it_is_utf_8(disk: Disk) -> None:
    for path, content, given, kept, served in TEXTS:
        disk.put(path, content, content_type=given)
        assert disk.info(path).content_type == kept
        assert disk.mime_type(path) == kept.partition(";")[0]
        assert disk.response(path).headers["Content-Type"] == (served or kept)


def test_text_says_so_however_it_comes(disk: Disk) -> None:
    disk.append("log", "grüße ✓")
    paths = ["log", disk.put_file("notes", "grüße ✓")]
    kinds = [disk.info(path).content_type for path in paths]
    assert kinds == ["text/plain; charset=utf-8"] * 2
    assert paths[1].endswith(".txt")
    assert disk.info(disk.put_file("notes", b"tea")).content_type == "text/plain"


def test_metadata_and_type_go_with_the_file(disk: Disk) -> None:
    disk.put("file", b"tea", content_type="text/x-tea", metadata={"Order": "7", "by": "Ann B"})
    disk.copy("file", "copied")
    disk.move("copied", "moved")
    if knows_conditions(disk):
        disk.append("moved", b"!")
    assert disk.metadata("moved") == {"order": "7", "by": "Ann B"}
    assert disk.mime_type("moved") == "text/x-tea"


def test_checksums_are_of_the_content(disk: Disk) -> None:
    disk.put("file", b"tea")
    for algorithm in ("sha256", "md5", "sha1"):
        assert disk.checksum("file", algorithm) == hashlib.new(algorithm, b"tea").hexdigest()


def test_visibility_is_private_until_it_is_said_to_be_public(disk: Disk) -> None:
    disk.put("file", b"tea")
    assert disk.visibility("file") == "private"
    disk.set_visibility("file", "public")
    assert disk.visibility("file") == "public"
    disk.set_visibility("file", "private")
    assert disk.visibility("file") == "private"
    disk.put("other", b"tea", visibility="public")
    assert disk.visibility("other") == "public"


def test_visibility_goes_with_the_file(disk: Disk) -> None:
    disk.put("file", b"tea", visibility="public")
    disk.copy("file", "copied")
    disk.move("file", "moved")
    assert [disk.visibility(path) for path in ("copied", "moved")] == ["public", "public"]


def test_files_of_this_machine_have_paths(disk: Disk) -> None:
    disk.put("a b/ü.txt", b"tea")
    if isinstance(disk.driver, LocalDriver):
        assert Path(disk.path("a b/ü.txt")).read_bytes() == b"tea"
        assert Path(disk.scoped("a b").path("ü.txt")).read_bytes() == b"tea"
        assert disk.path() == disk.driver.describe()
        with pytest.raises(InvalidPath):
            disk.path("../secret")
    else:
        with pytest.raises(Unsupported, match="no paths on this machine"):
            disk.path("a b/ü.txt")


# --- Copying, moving, deleting ---


def test_a_copy_leaves_the_file_and_replaces_the_target(disk: Disk) -> None:
    disk.put("a", b"tea")
    disk.put("folder/b", b"milk")
    disk.copy("a", "folder/b")
    assert (disk.get("a"), disk.get("folder/b")) == (b"tea", b"tea")
    disk.copy("a", "a")
    assert disk.get("a") == b"tea"


def test_a_move_leaves_nothing_behind_and_replaces_the_target(disk: Disk) -> None:
    disk.put("a", b"tea")
    disk.put("folder/b", b"milk")
    disk.move("a", "folder/b")
    assert disk.missing("a")
    assert disk.get("folder/b") == b"tea"
    disk.move("folder/b", "folder/b")
    assert disk.get("folder/b") == b"tea"


def test_deleting_what_is_not_there_is_done_already(disk: Disk) -> None:
    for path in ("a", "b", "c", "folder/d"):
        disk.put(path, b"")
    disk.delete("a")
    disk.delete("a", "nothing/at/all", "folder")
    disk.delete(["b", "c"])
    assert disk.all_files() == ["folder/d"]


# --- Directories ---


def tree(disk: Disk) -> None:
    for path in ("a.txt", "b/c.txt", "b/d/e.txt", "b.txt", "f/g/h.txt"):
        disk.put(path, b"")


def test_listings_are_of_one_level_or_of_all(disk: Disk) -> None:
    tree(disk)
    assert disk.files() == ["a.txt", "b.txt"]
    assert disk.files("b") == ["b/c.txt"]
    assert disk.all_files("b") == ["b/c.txt", "b/d/e.txt"]
    assert disk.all_files() == ["a.txt", "b.txt", "b/c.txt", "b/d/e.txt", "f/g/h.txt"]
    assert disk.directories() == ["b", "f"]
    assert disk.directories("b") == ["b/d"]
    assert disk.all_directories() == ["b", "b/d", "f", "f/g"]
    assert (disk.files("nothing"), disk.all_directories("nothing")) == ([], [])


def test_a_directory_can_be_made_and_is_no_file(disk: Disk) -> None:
    disk.make_directory("a/b")
    disk.make_directory("a/b")
    disk.make_directory("")
    assert disk.directories() == ["a"]
    assert disk.all_directories("a") == ["a/b"]
    assert disk.all_files() == []
    assert disk.missing("a/b")


def test_a_directory_is_deleted_with_all_below_it_and_nothing_else(disk: Disk) -> None:
    tree(disk)
    disk.make_directory("b/empty")
    disk.delete_directory("b")
    disk.delete_directory("nothing")
    assert disk.all_files() == ["a.txt", "b.txt", "f/g/h.txt"]
    assert disk.all_directories() == ["f", "f/g"]


def test_a_disk_can_be_emptied(disk: Disk) -> None:
    tree(disk)
    disk.delete_directory("")
    assert (disk.all_files(), disk.all_directories()) == ([], [])
    disk.put("a", b"tea")
    assert disk.files() == ["a"]


# --- Conditions ---


def test_what_is_to_be_created_never_replaces(disk: Disk) -> None:
    disk.put("file", b"first", if_none_match=True)
    with pytest.raises(AlreadyExists):
        disk.put("file", b"second", if_none_match=True)
    assert disk.get("file") == b"first"


def test_of_many_that_create_one_file_one_does(disk: Disk) -> None:
    if not knows_conditions(disk):  # Swift looks whether the file is there, and then writes
        return

    def create(number: int) -> bool:
        try:
            disk.put("file", bytes([number]), if_none_match=True)
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(create, range(16)))
    assert created.count(True) == 1
    assert disk.get("file") == bytes([created.index(True)])


def knows_conditions(disk: Disk) -> bool:
    """Whether the store can replace a content it names: all but Swift, which says so."""
    disk.put("probe", b"")
    try:
        disk.put("probe", b"", if_match=disk.info("probe").etag)
    except Unsupported as error:
        assert error.reason == "the server has no conditional writes"
        return False
    return True


def test_only_the_content_that_is_named_is_replaced(disk: Disk) -> None:
    if not knows_conditions(disk):
        return
    disk.put("file", b"first")
    etag = disk.info("file").etag
    disk.put("file", b"second", if_match=etag)
    with pytest.raises(Conflict):
        disk.put("file", b"third", if_match=etag)
    disk.delete("file")
    with pytest.raises(Conflict):
        disk.put("file", b"third", if_match=etag)
    assert disk.missing("file")


def test_appending_makes_the_file_and_adds_to_it(disk: Disk) -> None:
    disk.append("log", "one\n")
    assert disk.get("log") == b"one\n"
    if knows_conditions(disk):
        disk.append("log", b"two\n")
        disk.prepend("log", io.BytesIO(b"zero\n"))
        assert disk.get("log") == b"zero\none\ntwo\n"
    else:
        with pytest.raises(Unsupported):
            disk.append("log", b"two\n")
        assert disk.get("log") == b"one\n"


def test_no_append_is_lost_among_many(disk: Disk) -> None:
    if not knows_conditions(disk):
        return
    lines = [f"{number}\n" for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda line: disk.append("log", line), lines))
    assert sorted(disk.get("log").decode().splitlines(keepends=True)) == sorted(lines)


def test_appending_keeps_who_may_read(disk: Disk) -> None:
    if not knows_conditions(disk):
        return
    disk.put("log", b"one", visibility="public")
    disk.append("log", b"two")
    assert disk.visibility("log") == "public"


# --- Uploads of visitors ---


def test_a_file_gets_a_random_name_with_the_extension_of_its_content(disk: Disk) -> None:
    upload = FileStorage(io.BytesIO(PNG), "evil.php", content_type="text/html")
    first, second = disk.put_file("avatars", upload), disk.put_file("", PNG)
    assert first.startswith("avatars/") and first.endswith(".png")
    assert "/" not in second and len(second) == 36
    assert disk.get(first) == PNG
    assert disk.mime_type(first) == "image/png"


def test_a_file_of_another_type_is_refused(disk: Disk) -> None:
    with pytest.raises(WrongType, match="text/html is not accepted"):
        disk.put_file("avatars", "<!doctype html><script>", types=["image/*"])
    disk.put_file("avatars", PNG, types=["image/*"])
    assert len(disk.all_files()) == 1


def test_more_than_is_accepted_leaves_nothing(disk: Disk) -> None:
    for content in (b"x" * 11, LARGE, Trickle(b"x" * 11), Trickle(LARGE)):
        limit = PART if isinstance(content, Trickle) and content.size > PART else 10
        with pytest.raises(TooLarge):
            disk.put("file", content, max_bytes=limit)
    assert disk.all_files() == []
    assert disk.driver.tidy(0) == 0


@pytest.mark.parametrize("announced", [len(LARGE) + 1, len(LARGE) - 1])
def test_another_end_than_was_announced_leaves_what_was_there(disk: Disk, announced: int) -> None:
    disk.put("file", b"before")
    with pytest.raises(Incomplete):
        disk.put("file", Trickle(LARGE), size=announced)
    assert disk.get("file") == b"before"
    assert disk.all_files() == ["file"]


def test_a_stream_that_fails_leaves_what_was_there(disk: Disk) -> None:
    class Broken(Trickle):
        def readinto(self, buffer: Any) -> int:
            count = super().readinto(buffer)
            if not count:
                raise LookupError("the client is gone")
            return count

    disk.put("file", b"before")
    with pytest.raises(LookupError):
        disk.put("file", Broken(LARGE))
    assert disk.get("file") == b"before"
    assert disk.all_files() == ["file"]
    assert disk.driver.tidy(0) == 0


def test_progress_is_told(disk: Disk) -> None:
    told: list[tuple[int, int | None]] = []
    disk.put("file", LARGE, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(LARGE), len(LARGE))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# --- Care ---


def test_a_disk_that_is_there_passes_its_check(disk: Disk) -> None:
    disk.driver.check()
    assert disk.driver.describe()
