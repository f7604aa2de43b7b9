"""S3, on each server: bad days, presigned URLs, and what is particular to it."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ResponseStreamingError
from flask import Flask

from flask_rf import Storage
from flask_rf.storage import Conflict
from flask_rf.storage import Denied
from flask_rf.storage import Disk
from flask_rf.storage import Incomplete
from flask_rf.storage import NotFound
from flask_rf.storage import presigned
from flask_rf.storage import s3
from flask_rf.storage import Unavailable
from flask_rf.storage.parts import MIB
from flask_rf.storage.parts import PART
from flask_rf.storage.s3_client import Account
from flask_rf.storage.s3_client import client_of
from flask_rf.storage.s3_download import Download
from tests.parts.processes import free_port
from tests.parts.processes import ROOT
from tests.parts.proxy import FaultProxy
from tests.parts.s3 import S3Server

pytestmark = pytest.mark.s3

LARGE = os.urandom(MIB) * 20


@pytest.fixture
def disk(app: Flask, server: S3Server, bucket: str) -> Disk:
    return Storage(app, disks={"cloud": server.disk(bucket)}).disk()


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    proxy = FaultProxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def far(server: S3Server, bucket: str, proxy: FaultProxy) -> Disk:
    """The same bucket behind the proxy, asked once and with little patience."""
    options = server.disk(bucket, proxy.port, attempts=1, timeout=2, connect_timeout=2)
    return Storage(Flask("far"), disks={"cloud": options}).disk()


def uploads(server: S3Server, bucket: str) -> list[Any]:
    listed = server.client.list_multipart_uploads(Bucket=bucket)
    return list(listed.get("Uploads", []))


class Stream(io.RawIOBase):
    """A large stream of unknown length that does something when half of it is read."""

    def __init__(self, halfway: Callable[[], Any]) -> None:
        self._content = io.BytesIO(LARGE)
        self._halfway: Callable[[], Any] | None = halfway

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._halfway and self._content.tell() > len(LARGE) // 2:
            halfway, self._halfway = self._halfway, None
            halfway()
        return self._content.readinto(buffer)


# --- Bad days ---


def test_a_server_that_is_not_there_is_unavailable(app: Flask) -> None:
    options = {"endpoint": f"http://127.0.0.1:{free_port()}", "key": "a", "secret": "b"}
    options |= {"driver": "s3", "bucket": "bucket", "attempts": 1}
    disk = Storage(app, disks={"cloud": options}).disk()
    for use in (disk.get, disk.exists, disk.delete, lambda path: disk.put(path, b"tea")):
        with pytest.raises(Unavailable) as caught:
            use("file")
        assert (caught.value.disk, caught.value.path) == ("cloud", "file")
        assert caught.value.__cause__ is not None


def test_a_deaf_server_is_unavailable_within_its_time(far: Disk, proxy: FaultProxy) -> None:
    far.put("file", b"tea")
    proxy.deaf = True
    with pytest.raises(Unavailable):
        far.get("file")
    proxy.deaf = False
    assert far.get("file") == b"tea"


def test_an_upload_cut_off_in_mid_part_leaves_nothing(
    far: Disk, disk: Disk, server: S3Server, bucket: str, proxy: FaultProxy
) -> None:
    disk.put("file", b"before")
    proxy.limit = 2 * MIB
    with pytest.raises(Unavailable):
        far.put("file", io.BytesIO(LARGE))
    assert disk.get("file") == b"before"
    assert uploads(server, bucket) == []


def test_what_is_cut_off_is_tried_again(
    server: S3Server, bucket: str, proxy: FaultProxy, disk: Disk
) -> None:
    options = server.disk(bucket, proxy.port, attempts=3)
    patient = Storage(Flask("patient"), disks={"cloud": options}).disk()
    patient.put("file", b"tea")
    proxy.cut()
    patient.put("file", Stream(proxy.cut))
    assert disk.get("file") == LARGE


class Stop(BaseException):
    """As gevent.Timeout is: no Exception."""


@pytest.mark.parametrize("stop", [Stop, LookupError, KeyboardInterrupt])
def test_an_upload_that_is_stopped_is_aborted(
    disk: Disk, server: S3Server, bucket: str, stop: type[BaseException]
) -> None:
    def halfway() -> None:
        raise stop

    with pytest.raises(stop):
        disk.put("file", Stream(halfway))
    assert uploads(server, bucket) == []
    assert disk.missing("file")


def test_an_upload_that_cannot_be_aborted_is_told_of_and_tidied_up_later(
    far: Disk,
    disk: Disk,
    server: S3Server,
    bucket: str,
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "flask_rf"), pytest.raises(Unavailable):
        far.put("file", Stream(proxy.close))
    assert "an upload of 'file' is left behind" in caplog.text
    assert len(uploads(server, bucket)) == 1
    assert disk.driver.tidy(3600) == 0
    time.sleep(1.1)
    assert disk.driver.tidy(0) == 1
    assert uploads(server, bucket) == []


def test_a_download_cut_off_goes_on_where_it_was(far: Disk, disk: Disk, proxy: FaultProxy) -> None:
    disk.put("file", LARGE)
    got, cuts = b"", 0
    with far.read_stream("file", 7) as stream:
        for piece in stream:
            got += piece
            if cuts < 3 and len(got) > cuts * 5 * MIB:
                cuts += 1
                proxy.cut()
    assert got == LARGE[7:]
    assert cuts == 3


def test_a_download_cut_off_at_its_very_end_is_whole(disk: Disk) -> None:
    disk.put("file", b"tea")
    download = Download(disk.driver._client, disk.driver._target("file"), 0, None)  # type: ignore
    cut_off = iter([b"tea", ResponseStreamingError(error="cut off")])

    def read(size: int) -> bytes:
        piece = next(cut_off)
        if isinstance(piece, Exception):
            raise piece
        return piece

    download._body.read = read
    assert b"".join(download.pieces()) == b"tea"


def test_a_download_cut_off_again_and_again_is_unavailable(
    far: Disk, disk: Disk, proxy: FaultProxy
) -> None:
    disk.put("file", LARGE)
    with pytest.raises(Unavailable):
        with far.read_stream("file") as stream:
            for _ in stream:
                proxy.cut()


def test_a_file_replaced_while_it_is_read_is_not_patched_together(
    far: Disk, disk: Disk, proxy: FaultProxy
) -> None:
    disk.put("file", LARGE)
    with pytest.raises(Unavailable, match="the file changed while it was read"):
        with far.read_stream("file") as stream:
            next(stream)
            disk.put("file", LARGE[::-1])
            proxy.cut()
            for _ in stream:
                pass


def test_credentials_that_are_wrong_are_denied(app: Flask, server: S3Server, bucket: str) -> None:
    disks = {
        "secret": server.disk(bucket) | {"secret": "wrong"},
        "key": server.disk(bucket) | {"key": "nobody"},
    }
    storage = Storage(app, disks=disks)
    for name in disks:
        for use in (storage.disk(name).get, storage.disk(name).files):
            with pytest.raises(Denied):
                use("file")


def test_a_bucket_that_is_not_there_is_unavailable(app: Flask, server: S3Server) -> None:
    disk = Storage(app, disks={"cloud": server.disk("no-such-bucket")}).disk()
    uses: list[Callable[[], Any]] = [
        lambda: disk.put("a", b""),
        lambda: disk.get("a"),
        disk.files,
        disk.driver.check,
    ]
    for use in uses:
        with pytest.raises(Unavailable, match="there is no such bucket"):
            use()


# --- Clients ---


def test_a_client_is_made_once_and_shared_by_those_who_ask_alike(server: S3Server) -> None:
    account = Account(server.url, "us-east-1", server.key, server.secret, True)
    assert client_of(account) is client_of(account)
    assert client_of(Account(server.url, "eu-west-1", "a", "b")) is not client_of(account)
    assert server.secret not in repr(account).replace(server.key, "")


@pytest.mark.unpatched
def test_a_child_process_gets_a_client_of_its_own(disk: Disk) -> None:
    disk.put("file", b"tea")
    account = disk.driver._account  # type: ignore[attr-defined]
    client = client_of(account)
    child = os.fork()
    if not child:
        os._exit(0 if client_of(account) is not client and disk.get("file") == b"tea" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert client_of(account) is client


def test_boto3_is_loaded_by_the_first_use(server: S3Server) -> None:
    program = (
        "import sys; from flask import Flask; from flask_rf import RF, Storage\n"
        "options = {'driver': 's3', 'bucket': 'b', 'key': 'k', 'secret': 's'}\n"
        "RF(Flask('shop'), storage=Storage(disks={'cloud': options}))\n"
        "print({'boto3', 'botocore', 'gevent'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == "set()\n", result.stderr


# --- What is particular to S3 ---


def test_a_copy_of_more_than_one_request_takes_is_made_of_parts(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, server: S3Server, bucket: str
) -> None:
    monkeypatch.setattr(s3, "MAX_REQUEST", 6 * MIB)
    disk.put("file", LARGE, content_type="text/x-tea", metadata={"by": "ann"}, visibility="public")
    disk.copy("file", "copied")
    assert disk.get("copied") == LARGE
    assert disk.info("copied").content_type == "text/x-tea"
    assert disk.metadata("copied") == {"by": "ann"}
    assert disk.visibility("copied") == "public"
    assert "-" in server.client.head_object(Bucket=bucket, Key="copied")["ETag"]


def test_many_files_are_deleted_by_few_requests(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_BATCH", 2)
    paths = [f"a/{number}&<é>" for number in range(5)]
    for path in paths:
        disk.put(path, b"")
    disk.delete(paths[:3])
    assert disk.all_files() == paths[3:]


def test_names_that_no_disk_accepts_are_not_listed_but_deleted(
    disk: Disk, server: S3Server, bucket: str
) -> None:
    for key in ("a/b", "a/../c", "a\\b", "a//b", "/a"):
        server.client.put_object(Bucket=bucket, Key=key, Body=b"")
    assert disk.all_files() == ["a/b"]
    assert disk.files() == []
    disk.delete_directory("")
    assert "Contents" not in server.client.list_objects_v2(Bucket=bucket)


def test_a_checksum_that_the_server_keeps_is_not_worked_out_again(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(b"tea").digest()
    kept = {"ChecksumSHA256": base64.b64encode(digest).decode(), "ChecksumType": "FULL_OBJECT"}
    monkeypatch.setattr(disk.driver, "_head", lambda path, **options: kept)
    assert disk.checksum("file") == digest.hex()
    monkeypatch.setitem(kept, "ChecksumType", "COMPOSITE")
    with pytest.raises(NotFound):
        disk.checksum("file")


# --- URLs ---


def ask(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> int:
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_temporary_url_reads_one_file(disk: Disk) -> None:
    disk.put("a b/é+.txt", b"tea")
    url = disk.temporary_url("a b/é+.txt", 60)
    assert urllib.request.urlopen(url).read() == b"tea"
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert ask(url, "PUT", b"x") == 403
    assert ask(url.replace("a%20b", "a%20c")) == 403
    assert ask(url[:-1] + ("0" if url[-1] != "0" else "1")) == 403


def test_a_temporary_url_ends(disk: Disk) -> None:
    disk.put("file", b"tea")
    url = disk.temporary_url("file", 1)
    time.sleep(2.5)
    assert ask(url) == 403


def test_a_temporary_url_can_give_a_name_to_save_as(disk: Disk) -> None:
    disk.put("file", b"tea")
    with urllib.request.urlopen(disk.temporary_url("file", 60, name="grüße.txt")) as response:
        assert response.headers["Content-Disposition"].startswith(
            'attachment; filename="gr??e.txt"'
        )


def test_an_upload_url_takes_one_type_and_size(disk: Disk) -> None:
    upload = disk.temporary_upload_url("a b/ü.png", 60, "image/png", size=3)
    assert upload["method"] == "PUT"
    assert ask(upload["url"], "PUT", b"1234", **upload["headers"]) == 403
    assert ask(upload["url"], "PUT", b"12", **upload["headers"]) == 403
    assert ask(upload["url"], "PUT", b"123", **{"Content-Type": "text/html"}) == 403
    assert disk.missing("a b/ü.png")
    assert ask(upload["url"], "PUT", b"123", **upload["headers"]) == 200
    assert disk.get("a b/ü.png") == b"123"
    assert disk.mime_type("a b/ü.png") == "image/png"
    assert ask(upload["url"]) == 403


def post(upload: dict[str, Any], content: bytes) -> int:
    lines = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in upload["fields"].items()
    ]
    lines.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n')
    body = "".join(lines).encode() + content + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    return ask(upload["url"], upload["method"], body, **kind)


def test_a_limit_alone_makes_a_form_to_post(disk: Disk, server: S3Server) -> None:
    upload = disk.temporary_upload_url("file", 60, "text/plain", max_bytes=10)
    assert upload["method"] == "POST"
    if server.name == "swift":  # it knows no policies, and takes nothing
        assert post(upload, b"tea") == 412
        return
    assert post(upload, b"x" * 11) == 400
    forged = upload | {"fields": upload["fields"] | {"Content-Type": "text/html"}}
    assert post(forged, b"tea") == 403
    assert disk.missing("file")
    assert post(upload, b"x" * 10) == 204
    assert disk.get("file") == b"x" * 10
    assert disk.mime_type("file") == "text/plain"


@pytest.fixture
def in_parts(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(presigned, "SINGLE", PART)
    return disk.temporary_upload_url("file", 60, "video/mp4", size=len(LARGE))


def send(upload: dict[str, Any], numbers: list[int]) -> list[int]:
    size = upload["part_size"]
    parts = [LARGE[number * size : (number + 1) * size] for number in numbers]
    return [
        ask(upload["urls"][number], "PUT", part)
        for number, part in zip(numbers, parts, strict=True)
    ]


def test_large_files_are_uploaded_in_parts(disk: Disk, in_parts: dict[str, Any]) -> None:
    assert (len(in_parts["urls"]), in_parts["part_size"]) == (3, PART)
    assert ask(in_parts["urls"][2], "PUT", b"short") == 403
    assert send(in_parts, [2, 0]) == [200, 200]
    with pytest.raises(Incomplete, match="have been uploaded"):
        disk.complete_upload("file", in_parts["upload_id"], len(LARGE))
    assert disk.missing("file")
    assert send(in_parts, [1]) == [200]
    disk.complete_upload("file", in_parts["upload_id"], len(LARGE))
    assert disk.get("file") == LARGE
    assert disk.mime_type("file") == "video/mp4"


def test_an_upload_in_parts_can_be_thrown_away(
    disk: Disk, in_parts: dict[str, Any], server: S3Server, bucket: str
) -> None:
    send(in_parts, [0])
    disk.abort_upload("file", in_parts["upload_id"])
    assert uploads(server, bucket) == []
    with pytest.raises(NotFound):
        disk.complete_upload("file", in_parts["upload_id"], len(LARGE))


def test_a_public_file_has_a_url_for_everybody(disk: Disk, server: S3Server) -> None:
    disk.put("a b/ü.txt", b"tea", visibility="public")
    disk.put("private", b"tea")
    assert disk.url("a b/ü.txt").endswith("/a%20b/%C3%BC.txt")
    if server.name == "ceph":  # Swift serves strangers under other URLs only
        assert urllib.request.urlopen(disk.url("a b/ü.txt")).read() == b"tea"
        assert ask(disk.url("private")) == 403


def test_conditions_survive_a_retry_as_a_conflict(disk: Disk, server: S3Server) -> None:
    if server.name == "swift":
        return
    disk.put("file", b"tea")
    with pytest.raises(Conflict):
        disk.put("file", LARGE, if_match="0" * 32)
    assert disk.get("file") == b"tea"
