"""S3, on each server: presigned URLs, and what is particular to it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
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
from tests.parts.processes import ROOT
from tests.parts.s3 import S3Server

pytestmark = pytest.mark.s3

LARGE = os.urandom(MIB) * 20


@pytest.fixture
def disk(app: Flask, server: S3Server, bucket: str) -> Disk:
    return Storage(app, disks={"cloud": server.disk(bucket)}).disk()


def uploads(server: S3Server, bucket: str) -> list[Any]:
    listed = server.client.list_multipart_uploads(Bucket=bucket)
    return list(listed.get("Uploads", []))


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
        try:
            os._exit(0 if client_of(account) is not client and disk.get("file") == b"tea" else 1)
        finally:
            os._exit(1)
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


def test_a_private_file_stays_private_on_a_public_disk(
    app: Flask, server: S3Server, bucket: str
) -> None:
    disks = {"cloud": server.disk(bucket, visibility="public")}
    disk = Storage(app, disks=disks).disk()
    disk.put("public", b"tea")
    disk.put("private", b"tea", visibility="private")
    disk.copy("private", "copied")
    disk.move("private", "moved")
    visible = [disk.visibility(path) for path in ("public", "copied", "moved")]
    assert visible == ["public", "private", "private"]
    if server.name == "ceph":
        disk.append("moved", b"!")
        assert disk.visibility("moved") == "private"


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


def test_a_temporary_url_tells_that_text_is_utf_8(disk: Disk) -> None:
    disk.put("a.txt", "grüße ✓")
    with urllib.request.urlopen(disk.temporary_url("a.txt", 60)) as response:
        assert response.headers.get_content_type() == "text/plain"
        assert response.headers.get_content_charset() == "utf-8"


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


def test_what_a_browser_uploads_to_a_public_disk_is_public(
    app: Flask, server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disks = {"cloud": server.disk(bucket, visibility="public")}
    disk = Storage(app, disks=disks).disk()
    one = disk.temporary_upload_url("one", 60, "text/plain", size=3)
    assert ask(one["url"], "PUT", b"tea", **{"Content-Type": "text/plain"}) == 403
    assert ask(one["url"], "PUT", b"tea", **one["headers"] | {"x-amz-acl": "private"}) == 403
    assert ask(one["url"], "PUT", b"tea", **one["headers"]) == 200
    monkeypatch.setattr(presigned, "SINGLE", PART)
    parts = disk.temporary_upload_url("parts", 60, "text/plain", size=len(LARGE))
    send(parts, [0, 1, 2])
    disk.complete_upload("parts", parts["upload_id"], len(LARGE))
    assert [disk.visibility(path) for path in ("one", "parts")] == ["public", "public"]
    if server.name == "ceph":  # Swift knows no policies
        assert post(disk.temporary_upload_url("form", 60, "text/plain", 9), b"tea") == 204
        assert disk.visibility("form") == "public"


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
