"""How S3 is spoken to."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from flask import Flask

from flask_rf import lifecycle
from flask_rf import Storage
from flask_rf.storage import Denied
from flask_rf.storage import Disk
from flask_rf.storage import s3_client
from flask_rf.storage import StorageError
from flask_rf.storage import Unavailable
from flask_rf.storage import Unsupported
from flask_rf.storage.parts import PART
from flask_rf.storage.s3 import S3Driver
from flask_rf.storage.s3_client import Account
from flask_rf.storage.s3_client import client_of
from flask_rf.storage.s3_upload import Upload
from flask_rf.storage.source import Source

AWS = Account(None, "eu-west-1", "k", "sesame")
OTHER = Account("http://s3.test:9000", "us-east-1", "k", "sesame", path_style=True)


@pytest.fixture(autouse=True)
def _own_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "_clients", {})


@pytest.mark.parametrize(
    ("account", "checksums", "style"),
    [(AWS, "when_supported", "virtual"), (OTHER, "when_required", "path")],
)
def test_a_client_signs_by_version_4_waits_and_tries_again(
    account: Account, checksums: str, style: str
) -> None:
    config = client_of(account).meta.config
    assert config.signature_version == "s3v4"
    assert config.s3["addressing_style"] == style
    assert config.request_checksum_calculation == checksums
    assert config.response_checksum_validation == checksums
    assert config.max_pool_connections == 50
    assert (config.connect_timeout, config.read_timeout) == (5, 30)
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 3}


@pytest.mark.parametrize("bucket", ["shop", "shop.example.com", "Shop_1", "s3"])
@pytest.mark.parametrize(
    "account",
    [AWS, OTHER, replace(AWS, path_style=True), replace(OTHER, path_style=False)],
)
def test_a_public_url_is_where_boto3_reads_the_file(bucket: str, account: Account) -> None:
    driver = S3Driver(bucket, account)
    signed = driver.temporary_url("a b/ü~+?.txt", 60, None)
    assert driver.url("a b/ü~+?.txt") == signed.partition("?")[0]


def test_certificates_cover_the_urls_of_buckets_with_dots() -> None:
    driver = S3Driver("shop.example.com", AWS)
    assert driver.url("a") == "https://s3.eu-west-1.amazonaws.com/shop.example.com/a"


def test_an_access_point_has_a_public_url_only_where_one_is_set() -> None:
    point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/shop"
    with pytest.raises(Unsupported, match="set public_url"):
        S3Driver(point, AWS).url("a")
    assert S3Driver(point, AWS, "https://cdn.example").url("a") == "https://cdn.example/a"


class Raw:
    """The body of an answer that never was on a wire."""

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self.headers = headers
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def answer_to(request: Any) -> tuple[bytes, dict[str, str]]:
    """What AWS answers with: of each part the checksum that came with it."""
    if "uploads" in request.url:
        return b"<R><UploadId>7</UploadId></R>", {}
    if "partNumber" in request.url:
        return b"", {"ETag": '"e"', "x-amz-checksum-crc32": "AAAAAA=="}
    return b"<R><ETag>e</ETag></R>", {"ETag": '"e"'}


@pytest.fixture
def sent() -> list[Any]:
    """The requests that a client makes, none of which leaves this process."""
    requests: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        requests.append(request)
        body, headers = answer_to(request)
        return AWSResponse(request.url, 200, headers, Raw(body, headers))

    for account in (AWS, OTHER):
        client_of(account).meta.events.register("before-send.s3", answer)
    return requests


def header(request: Any, name: str) -> str:
    value = request.headers.get(name, "")
    return value.decode() if isinstance(value, bytes) else value


def test_only_aws_gets_checksums_that_it_alone_knows(sent: list[Any]) -> None:
    for account in (AWS, OTHER):
        client_of(account).put_object(Bucket="bucket", Key="a", Body=b"tea")
    ours, others = sent
    assert header(ours, "x-amz-sdk-checksum-algorithm") == "CRC32"
    assert not [name for name in others.headers if "checksum" in name.lower()]


@pytest.mark.parametrize(("account", "checksums"), [(AWS, 2), (OTHER, 0)])
def test_parts_have_checksums_where_the_upload_was_begun_with_them(
    sent: list[Any], account: Account, checksums: int
) -> None:
    upload = Upload(client_of(account), {"Bucket": "bucket", "Key": "a"}, {})
    upload.send(b"x" * PART, Source(b"rest"))
    begun, *parts, completed = sent
    assert header(begun, "x-amz-checksum-algorithm") == ("CRC32" if checksums else "")
    named = [header(part, "x-amz-sdk-checksum-algorithm") for part in parts]
    assert named.count("CRC32") == checksums
    # An answer that brings one all the same is passed on: it is of this part.
    assert completed.body.count(b"<ChecksumCRC32>AAAAAA==</ChecksumCRC32>") == 2


def test_deleting_many_carries_the_checksum_that_old_servers_want(sent: list[Any]) -> None:
    keys = {"Objects": [{"Key": "a"}]}
    client_of(OTHER).delete_objects(Bucket="bucket", Delete=keys)
    (request,) = sent
    digest = base64.b64encode(hashlib.md5(request.body).digest())
    assert request.headers["Content-MD5"] in (digest, digest.decode())


def test_urls_of_other_servers_are_signed_by_version_4_too() -> None:
    url = client_of(OTHER).generate_presigned_url("get_object", {"Bucket": "b", "Key": "a"})
    assert url.startswith("http://s3.test:9000/b/a?X-Amz-Algorithm=AWS4-HMAC-SHA256")


def test_secrets_are_not_shown() -> None:
    assert "sesame" not in repr(AWS)


@pytest.mark.parametrize("operation", ["put_object", "upload_part"])
def test_urls_for_browsers_ask_for_no_checksum(operation: str) -> None:
    part = {"UploadId": "1", "PartNumber": 1} if operation == "upload_part" else {}
    parameters = {"Bucket": "bucket", "Key": "a", "ContentLength": 3, **part}
    url = client_of(AWS).generate_presigned_url(operation, parameters)
    assert "checksum" not in url.lower()


@pytest.fixture
def stranger(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    """A disk whose credentials boto3 looks for, where there are none."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = {"driver": "s3", "bucket": "bucket", "endpoint": "http://127.0.0.1:9"}
    return Storage(app, disks={"cloud": options})


def test_a_client_that_cannot_be_made_is_an_error_of_the_disk(
    stranger: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    for use in (stranger.get, stranger.url, lambda path: list(stranger.files(path))):
        with pytest.raises(Unavailable, match="^'a' on the disk 'cloud': .*profile .nobody"):
            use("a")
    with pytest.raises(Unavailable, match="the disk 'cloud': .*profile .nobody"):
        lifecycle.start_worker(1)


@pytest.mark.parametrize("limit", ["size", "max_bytes"])
def test_without_credentials_no_upload_is_signed(stranger: Storage, limit: str) -> None:
    with pytest.raises(Denied, match="set STORAGE_S3_KEY and STORAGE_S3_SECRET"):
        stranger.temporary_upload_url("a", 60, "text/plain", **{limit: 5})


def answering(
    status: int, headers: dict[str, str], body: bytes = b"<html>Welcome</html>"
) -> tuple[Disk, list[str]]:
    """A disk on a server that says the same to everything."""
    told = {"key": "k", "secret": "s", "endpoint": "http://127.0.0.1:9", "attempts": 1}
    disk = Storage(Flask("shop"), disks={"a": {"driver": "s3", "bucket": "bucket", **told}}).disk()
    asked: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.url)
        return AWSResponse(request.url, status, headers, Raw(body, headers))

    client = disk.driver._client  # type: ignore[attr-defined]
    client.meta.events.register("before-send.s3", answer)
    return disk, asked


USES: dict[str, Callable[[Disk], Any]] = {
    "put": lambda disk: disk.put("a", b"tea"),
    "a large put": lambda disk: disk.put("a", io.BytesIO(bytes(PART + 1))),
    "get": lambda disk: disk.get("a"),
    "exists": lambda disk: disk.exists("a"),
    "visibility": lambda disk: disk.visibility("a"),
    "files": lambda disk: list(disk.files()),
    "check": lambda disk: disk.driver.check(),
}


@pytest.mark.parametrize("use", USES)
def test_another_server_that_says_200_to_everything_has_kept_nothing(use: str) -> None:
    disk, _ = answering(200, {"Content-Type": "text/html"})
    with pytest.raises(Unavailable, match="does not speak S3"):
        USES[use](disk)


@pytest.mark.parametrize("use", USES)
def test_a_proxy_that_redirects_everybody_is_asked_but_once(use: str) -> None:
    disk, asked = answering(301, {"Location": "https://127.0.0.1:9/"}, b"")
    with pytest.raises(StorageError, match="the server answers with 301"):
        USES[use](disk)
    assert len(asked) == 1
