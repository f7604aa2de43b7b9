"""URLs that let a browser talk to S3 by itself, for a while and for one purpose."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from ..errors import Incomplete
from ..errors import Unsupported
from .disposition import attachment
from .driver import UploadTerms
from .parts import MIB
from .parts import part_size
from .parts import ranges

#: Bytes up to which a file is uploaded in one piece.
SINGLE = 100 * MIB


def address(endpoint: str, bucket: str, path_style: bool) -> str:
    """Where the files of a bucket are, as boto3 itself has it.

    :raises Unsupported: the bucket is the ARN of an access point.
    """
    if bucket.startswith("arn:"):
        raise Unsupported("an access point has no URL for everybody: set public_url")
    server = urlsplit(endpoint)
    folder = server.path.rstrip("/")
    # Certificates are of *.s3.eu-west-1.amazonaws.com: what has dots of its own is not covered.
    dots = "" if server.scheme == "https" else "."
    if path_style or not re.fullmatch(rf"[a-z0-9][a-z0-9{dots}-]{{1,61}}[a-z0-9]", bucket):
        return f"{server.scheme}://{server.netloc}{folder}/{bucket}"
    return f"{server.scheme}://{bucket}.{server.netloc}{folder}"


def download(client: Any, target: dict[str, str], seconds: int, name: str | None) -> str:
    """A URL to read a file with."""
    asked = {"ResponseContentDisposition": attachment(name)} if name is not None else {}
    return _url(client, "get_object", target | asked, seconds)


def upload(
    client: Any, target: dict[str, str], terms: UploadTerms, acl: str | None
) -> dict[str, Any]:
    """How to upload a file: a PUT of exact size, many of them, or a POST with a policy."""
    if terms.size is None:
        return _post(client, target, terms, {"acl": acl} if acl else {})
    attributes = {"ContentType": terms.content_type} | ({"ACL": acl} if acl else {})
    if terms.size > SINGLE:
        return _parts(client, target, terms, terms.size, attributes)
    exact = {**target, **attributes, "ContentLength": terms.size}
    url = _url(client, "put_object", exact, terms.seconds)
    headers = {"Content-Type": terms.content_type} | ({"x-amz-acl": acl} if acl else {})
    return {"url": url, "method": "PUT", "headers": headers}


def complete(client: Any, upload: dict[str, str], size: int) -> None:
    """Put the parts together that a browser uploaded.

    :param upload: ``Bucket``, ``Key`` and ``UploadId``.
    :param size: bytes of the whole.
    :raises Incomplete: parts are missing.
    """
    pages = client.get_paginator("list_parts").paginate(**upload)
    parts = [part for page in pages for part in page.get("Parts", [])]
    there = sum(part["Size"] for part in parts)
    if there != size:
        raise Incomplete(f"{there} of {size} bytes have been uploaded")
    named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": named})


def _url(client: Any, operation: str, parameters: dict[str, Any], seconds: int) -> str:
    return str(client.generate_presigned_url(operation, parameters, ExpiresIn=seconds))


def _post(
    client: Any, target: dict[str, str], terms: UploadTerms, acl: dict[str, str]
) -> dict[str, Any]:
    _url(client, "put_object", target, terms.seconds)  # boto3 misses credentials here, not there
    # Only the policy of a POST can set a limit; a signed Content-Length is an exact one.
    fields = {"Content-Type": terms.content_type, **acl}
    fixed = [{name: value} for name, value in fields.items()]
    conditions = [*fixed, ["content-length-range", 0, terms.max_bytes]]
    made = client.generate_presigned_post(
        target["Bucket"], target["Key"], fields, conditions, terms.seconds
    )
    return {"url": made["url"], "method": "POST", "fields": made["fields"]}


def _parts(
    client: Any,
    target: dict[str, str],
    terms: UploadTerms,
    size: int,
    attributes: dict[str, str],
) -> dict[str, Any]:
    begun = client.create_multipart_upload(**target, **attributes)
    upload = {**target, "UploadId": begun["UploadId"]}
    urls = [
        _url(
            client,
            "upload_part",
            {**upload, "PartNumber": number, "ContentLength": last - first + 1},
            terms.seconds,
        )
        for number, (first, last) in enumerate(ranges(size, part_size(size)), 1)
    ]
    return {
        "method": "PUT",
        "urls": urls,
        "headers": {},
        "part_size": part_size(size),
        "upload_id": upload["UploadId"],
    }
