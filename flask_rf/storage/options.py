"""The settings of storage."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar
from urllib.parse import urlsplit

from .. import kinds
from ..settings import Options
from ..settings import setting

#: A part of a host's name: RFC 1123, section 2.1; and with the _ of container networks.
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
#: A host's name, or an address of IPv6.
_HOST = rf"{_LABEL}(\.{_LABEL})*\.?|[0-9a-f:.%]+:[0-9a-f:.%]*"


def url(raw: Any) -> str:
    """The kind of setting that holds the beginning of URLs."""
    written = kinds.text(raw).rstrip("/")
    try:
        parts = urlsplit(written)
        named = re.fullmatch(_HOST, parts.hostname or "") is not None
        whole = parts.scheme in ("http", "https") and named and parts.port != 0
    except ValueError:
        whole = False
    if whole and re.fullmatch(r"[!-~]+", written) and not re.search(r"[?#@]", written):
        return written
    raise ValueError("write a URL like https://files.example.com")


def disk_name(raw: Any) -> str:
    """The kind of setting that names a disk."""
    if isinstance(raw, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", raw.strip()):
        return raw.strip()
    raise ValueError("name a disk with 1 to 64 letters, digits, - or _")


def endpoint(raw: Any) -> str:
    """The kind of setting that holds the URL of a server of S3's API."""
    written = url(raw)
    if "_" in (urlsplit(written).hostname or ""):
        raise ValueError("name a host without _, which boto3 takes for none")
    return written


def root(raw: Any) -> str:
    """The kind of option that holds a directory of this machine."""
    written = kinds.text(os.fspath(raw) if isinstance(raw, os.PathLike) else raw)
    if written.startswith("~") or "\0" in written:
        raise ValueError("write the directory's path in full, as /srv/uploads")
    return written


def bucket(raw: Any) -> str:
    """The kind of setting that names a bucket, as boto3 takes one: a name, or an ARN."""
    written = kinds.text(raw)
    if re.fullmatch(r"[A-Za-z0-9._-]{1,255}|arn:[!-~]+", written):
        return written
    raise ValueError("name a bucket with letters, digits, . - or _")


def region(raw: Any) -> str:
    """The kind of setting that names a region of S3."""
    written = kinds.text(raw)
    if re.fullmatch(r"(?![0-9]+$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", written):
        return written
    raise ValueError("write a region like eu-west-1")


def signing_keys(raw: Any) -> tuple[str, ...]:
    """The kind of setting that holds keys; an empty one would let everybody sign."""
    keys = kinds.strings(raw)
    if all(key.strip() for key in keys):
        return keys
    raise ValueError("leave no key empty")


def disks(raw: Any) -> dict[str, dict[str, Any]]:
    """The kind of setting that holds options of disks by their names."""
    table = kinds.mapping(raw)
    for options in table.values():
        if not isinstance(options, Mapping) or "driver" not in options:
            raise ValueError('write {"NAME": {"driver": "local", …}, …}')
    return {disk_name(name): dict(options) for name, options in table.items()}


@dataclass(frozen=True)
class StorageOptions(Options):
    prefix: ClassVar[str] = "STORAGE_"

    disks: Mapping[str, Mapping[str, Any]] | None = setting(
        kinds.optional(disks),
        secret=True,
        doc="The disks by their names, each with a driver and its options.",
    )
    default: str | None = setting(
        kinds.optional(disk_name), doc="The disk that is meant where none is named; the first."
    )
    url_prefix: str = setting(
        kinds.url_path("/storage"), "/storage", doc="Path under which the app serves files itself."
    )
    base_url: str = setting(
        url, "", doc="What begins the URLs of files that the app serves itself; else mere paths."
    )
    signing_keys: tuple[str, ...] = setting(
        signing_keys,
        (),
        secret=True,
        doc="Keys of temporary URLs, the first signs; SECRET_KEY and its fallbacks by default.",
    )
    s3_bucket: str | None = setting(
        kinds.optional(bucket),
        doc="The bucket of a disk named s3, and of other disks on S3.",
    )
    s3_region: str | None = setting(
        kinds.optional(region), doc="Its region; us-east-1 where an endpoint is named."
    )
    s3_endpoint: str | None = setting(
        kinds.optional(endpoint), doc="The server of S3's API, where it is not AWS."
    )
    s3_key: str | None = setting(
        kinds.optional(kinds.text), doc="The access key; as boto3 finds one by default."
    )
    s3_secret: str | None = setting(
        kinds.optional(kinds.text), secret=True, doc="The secret of the access key."
    )
    s3_path_style: bool | None = setting(
        kinds.optional(kinds.boolean),
        doc="Whether the bucket is in the path of URLs; where an endpoint is named, it is.",
    )
    s3_public_url: str | None = setting(
        kinds.optional(url), doc="Where public files are read, such as a CDN; else the bucket."
    )
    s3_connect_timeout: float = setting(
        kinds.number(0.001), 5.0, doc="Seconds to wait for a connection."
    )
    s3_timeout: float = setting(
        kinds.number(0.001), 30.0, doc="Seconds to wait for the next byte of an answer."
    )
    s3_attempts: int = setting(kinds.whole(1), 3, doc="How often a request is made at most.")
