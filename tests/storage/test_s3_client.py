"""How S3 is spoken to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from flask_rf.storage import s3_client
from flask_rf.storage.s3_client import Account
from flask_rf.storage.s3_client import client_of

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


@pytest.fixture
def sent() -> Iterator[list[Any]]:
    """The requests that a client makes, none of which leaves this process."""
    requests: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        requests.append(request)

        class Raw:
            headers: dict[str, str] = {}

            def stream(self) -> Iterator[bytes]:
                yield b"<DeleteResult/>"

        return AWSResponse(request.url, 200, {}, Raw())

    for account in (AWS, OTHER):
        client_of(account).meta.events.register("before-send.s3", answer)
    yield requests


def test_only_aws_gets_checksums_that_it_alone_knows(sent: list[Any]) -> None:
    for account in (AWS, OTHER):
        client_of(account).put_object(Bucket="bucket", Key="a", Body=b"tea")
    ours, others = (request.headers for request in sent)
    assert b"x-amz-checksum-crc32" in (ours["X-Amz-Trailer"], ours["X-Amz-Trailer"].encode())
    assert not [name for name in others if name.lower().startswith("x-amz-checksum")]


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
