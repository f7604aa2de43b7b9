"""The client of an S3 server: one per process and account, made on first use."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

from ..errors import Unavailable
from .s3_errors import translated

#: Connections a client keeps: as many as greenlets may read at once before they wait.
_POOL = 50

#: What each server of S3 tells in its answers.
_TOLD = {
    "CompleteMultipartUpload": "ETag",
    "CreateMultipartUpload": "UploadId",
    "GetObject": "ETag",
    "GetObjectAcl": "Grants",
    "HeadObject": "ETag",
    "ListObjectsV2": "IsTruncated",
    "PutObject": "ETag",
    "UploadPart": "ETag",
}


@dataclass(frozen=True)
class Account:
    """Where an S3 server is, and who asks it.

    :param endpoint: its URL; AWS's own if None.
    :param region: what signatures name; boto3's own way of finding it if None.
    :param key: the access key; boto3's own chain (environment, files, roles) if None.
    :param path_style: whether the bucket is in the path, not in the host's name.
    :param connect_timeout: seconds.
    :param timeout: seconds of silence from the server.
    :param attempts: of each request, the first included.
    """

    endpoint: str | None = None
    region: str | None = None
    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    path_style: bool = False
    connect_timeout: float = 5.0
    timeout: float = 30.0
    attempts: int = 3

    @property
    def is_aws(self) -> bool:
        host = urlsplit(self.endpoint or "").hostname or ".amazonaws.com"
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


_clients: dict[Account, Any] = {}
_making = threading.Lock()


def client_of(account: Account) -> Any:
    """This process's client, which threads and greenlets share.

    :raises StorageError: boto3 can make none of what it is configured with.
    """
    client = _clients.get(account)
    if client is None:
        with _making:
            with translated():  # a profile that is not there, a region that cannot be one
                client = _clients.get(account) or _make(account)
            _clients[account] = client
    return client


def _forget() -> None:
    """A child must not talk over its parent's connections."""
    global _making
    _making = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_forget)


def _make(account: Account) -> Any:
    import boto3
    from botocore.config import Config

    # Other servers seldom know the trailing checksums that boto3 adds for AWS since 1.36.
    checksums = "when_supported" if account.is_aws else "when_required"
    config = Config(
        # boto3 still signs URLs of other endpoints by version 2, which most servers refuse.
        signature_version="s3v4",
        s3={"addressing_style": "path" if account.path_style else "virtual"},
        connect_timeout=account.connect_timeout,
        read_timeout=account.timeout,
        retries={"mode": "adaptive", "total_max_attempts": account.attempts},
        max_pool_connections=_POOL,
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        tcp_keepalive=True,
    )
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=account.endpoint,
        region_name=account.region,
        aws_access_key_id=account.key,
        aws_secret_access_key=account.secret,
        config=config,
    )
    client.meta.events.register("before-sign.s3.DeleteObjects", _add_md5)
    client.meta.events.register("after-call.s3", _refuse_strangers)
    if not account.is_aws:
        client.meta.events.register("before-call.s3", _stay)
    return client


def _add_md5(request: Any, **_: Any) -> None:
    """The header that this request needs on servers that know no newer checksum."""
    body = request.data if isinstance(request.data, bytes) else str(request.data).encode()
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()


def _refuse_strangers(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """A proxy's page of welcome, or another server at this address, says 200 to everything."""
    needed = _TOLD.get(model.name)
    if http_response.status_code < 300 and needed is not None and needed not in parsed:
        raise Unavailable("what answers at this endpoint does not speak S3")


def _stay(params: dict[str, Any], **_: Any) -> None:
    """Follow no redirect to a region, of which only AWS has several.

    To learn which, boto3 asks where it is redirected again, and again, until the stack is full:
    for minutes, if all that is there is a proxy that sends everybody from http to https.
    """
    params["context"].setdefault("s3_redirect", {})["redirected"] = True
