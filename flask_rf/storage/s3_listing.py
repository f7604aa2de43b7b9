"""What is in a bucket: keys, and the directories that their slashes make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .driver import Entry
from .s3_errors import translated


def pages(client: Any, operation: str, **options: Any) -> Iterator[dict[str, Any]]:
    """The answers to a request that lists, one after the other."""
    paginator = client.get_paginator(operation)
    with translated():
        yield from paginator.paginate(**options)


def entries(client: Any, bucket: str, directory: str, recursive: bool) -> Iterator[Entry]:
    """Files and directories in a directory, or below it."""
    prefix = f"{directory}/" if directory else ""
    delimiter = {} if recursive else {"Delimiter": "/"}
    seen: set[str] = set()
    for page in pages(client, "list_objects_v2", Bucket=bucket, Prefix=prefix, **delimiter):
        for common in page.get("CommonPrefixes", []):
            yield Entry(common["Prefix"].rstrip("/"), True)
        for found in page.get("Contents", []):
            yield from _directories_of(found["Key"], prefix, seen)
            if not found["Key"].endswith("/"):
                yield Entry(found["Key"])


def _directories_of(key: str, prefix: str, seen: set[str]) -> Iterator[Entry]:
    """The directories between ``prefix`` and ``key`` that were not told of yet."""
    rest = key[len(prefix) :].split("/")[:-1]
    for count in range(1, len(rest) + 1):
        directory = prefix + "/".join(rest[:count])
        if directory not in seen:
            seen.add(directory)
            yield Entry(directory, True)


def unfinished_uploads(client: Any, bucket: str, before: datetime) -> list[tuple[str, str]]:
    """Key and id of the multipart uploads that were begun before a time."""
    return [
        (upload["Key"], upload["UploadId"])
        for page in pages(client, "list_multipart_uploads", Bucket=bucket)
        for upload in page.get("Uploads", [])
        if upload["Initiated"] < before
    ]
