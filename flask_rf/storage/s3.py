"""Files in a bucket of S3: AWS's, or any server that speaks its API."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from urllib.parse import quote

from ..errors import AlreadyExists
from ..errors import Conflict
from ..errors import Denied
from ..errors import NotFound
from ..errors import Unavailable
from ..errors import Unsupported
from . import presigned
from . import s3_listing
from .driver import Driver
from .driver import Entry
from .driver import FileInfo
from .driver import Pieces
from .driver import Terms
from .driver import UploadTerms
from .driver import Visibility
from .parts import MAX_REQUEST
from .parts import part_size
from .parts import ranges
from .s3_client import Account
from .s3_client import client_of
from .s3_download import Download
from .s3_errors import translated
from .s3_upload import Body
from .s3_upload import Upload
from .source import Source
from .spool import spooled

_ACLS: dict[Visibility, str] = {"public": "public-read", "private": "private"}
_EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
#: Keys that one request deletes or lists at most.
_BATCH = 1000


class S3Driver(Driver):
    """A bucket.

    :param public_url: where everybody reads public files; the bucket's own address if None.
    :param visibility: the ACL of files that are written without a word about it; None leaves it
        to the bucket.
    """

    def __init__(
        self,
        bucket: str,
        account: Account,
        public_url: str | None = None,
        visibility: Visibility | None = None,
    ) -> None:
        self._bucket = bucket
        self._account = account
        self._public_url = public_url
        self._visibility = visibility

    def describe(self) -> str:
        return f"the bucket {self._bucket!r} at {self._account.endpoint or 'AWS'}"

    @property
    def _client(self) -> Any:
        return client_of(self._account)

    def _target(self, path: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": path}

    # --- Reading ---

    def info(self, path: str) -> FileInfo:
        return _info(self._head(path))

    def _head(self, path: str, **options: Any) -> dict[str, Any]:
        with translated():
            found: dict[str, Any] = self._client.head_object(**self._target(path), **options)
            return found

    def open(self, path: str, start: int = 0, length: int | None = None) -> Pieces:
        if length == 0:
            self._head(path)
            return Pieces(iter(()))
        download = Download(self._client, self._target(path), start, length)
        return Pieces(download.pieces(), download.close, download.etag)

    def checksum(self, path: str, algorithm: str) -> str | None:
        head = self._head(path, ChecksumMode="ENABLED")
        stored = head.get(f"Checksum{algorithm.upper()}")
        # That of a multipart upload may be one of its parts' checksums.
        if stored is None or head.get("ChecksumType") != "FULL_OBJECT":
            return None
        return base64.b64decode(stored).hex()

    def visibility(self, path: str) -> Visibility:
        with translated():
            acl = self._client.get_object_acl(**self._target(path))
        read = {"READ", "FULL_CONTROL"}
        public = any(
            grant["Grantee"].get("URI") == _EVERYBODY and grant["Permission"] in read
            for grant in acl["Grants"]
        )
        return "public" if public else "private"

    def entries(self, directory: str, recursive: bool) -> Iterator[Entry]:
        return s3_listing.entries(self._client, self._bucket, directory, recursive)

    # --- Writing ---

    def write(self, path: str, source: Source, terms: Terms) -> None:
        if terms.if_none_match or terms.if_match is not None:
            self._write_if(path, source, terms)
            return
        size = part_size(source.size)
        first = source.read(size)
        if len(first) < size or source.size == size:
            with translated():
                self._put(path, Body(first), terms)
            source.stored(len(first))
        else:
            upload = Upload(self._client, self._target(path), self._attributes(terms))
            upload.send(first, source)

    def _write_if(self, path: str, source: Source, terms: Terms) -> None:
        """In one request: not all servers keep to conditions at the end of a multipart upload."""
        if terms.if_none_match and self._exists(path):
            raise AlreadyExists("there is a file of this name already")
        with spooled(source, MAX_REQUEST) as body:
            try:
                with translated():
                    self._put(path, body, terms)
            except Conflict as error:
                if terms.if_none_match:
                    raise AlreadyExists("there is a file of this name already") from error
                raise
            except NotFound as error:  # what AWS says of If-Match without a file
                raise Conflict("the file was deleted meanwhile") from error
            except Unsupported as error:
                raise Unsupported("the server has no conditional writes") from error
            source.stored(body.size)

    def _put(self, path: str, body: Any, terms: Terms) -> None:
        conditions: dict[str, str] = {"IfNoneMatch": "*"} if terms.if_none_match else {}
        if terms.if_match is not None:
            # Without the quotes of RFC 9110: AWS takes both, Ceph only this.
            conditions["IfMatch"] = terms.if_match
        self._client.put_object(
            **self._target(path), **self._attributes(terms), **conditions, Body=body
        )

    def _attributes(self, terms: Terms) -> dict[str, Any]:
        attributes: dict[str, Any] = {"ContentType": terms.content_type}
        if terms.metadata:
            attributes["Metadata"] = dict(terms.metadata)
        visibility = terms.visibility or self._visibility
        return attributes | ({"ACL": _ACLS[visibility]} if visibility else {})

    def _exists(self, path: str) -> bool:
        try:
            self._head(path)
        except NotFound:
            return False
        return True

    def delete(self, paths: Sequence[str]) -> None:
        if len(paths) == 1:
            with translated():
                self._client.delete_object(**self._target(paths[0]))
            return
        for at in range(0, len(paths), _BATCH):
            self._delete_batch([{"Key": path} for path in paths[at : at + _BATCH]])

    def _delete_batch(self, keys: list[dict[str, str]]) -> None:
        with translated():
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True}
            )
        for failure in answer.get("Errors", []):
            error = Denied(f"it could not be deleted ({failure.get('Code')})")
            error.path = failure.get("Key", "")
            raise error

    def copy(self, source: str, target: str) -> None:
        head = self._head(source)
        info = _info(head)
        # The copy of an ACL is not the server's affair.
        terms = Terms(info.content_type, info.metadata, self.visibility_to_keep(source))
        if info.size <= MAX_REQUEST:
            acl = {"ACL": _ACLS[terms.visibility]} if terms.visibility else {}
            with translated():
                self._client.copy_object(
                    **self._target(target), CopySource=self._target(source), **acl
                )
        else:
            upload = Upload(self._client, self._target(target), self._attributes(terms))
            pieces = ranges(info.size, max(part_size(info.size), MAX_REQUEST // 10))
            upload.copy(self._target(source), head["ETag"], pieces)

    def visibility_to_keep(self, path: str) -> Visibility | None:
        try:
            found = self.visibility(path)
        except (Denied, Unsupported):  # a bucket without ACLs, or without leave to read them
            return None
        # A bucket may have no ACLs: it is told of one only where one was meant.
        return found if found == "public" or self._visibility else None

    def set_visibility(self, path: str, visibility: Visibility) -> None:
        with translated():
            self._client.put_object_acl(**self._target(path), ACL=_ACLS[visibility])

    def make_directory(self, directory: str) -> None:
        with translated():
            self._client.put_object(**self._target(f"{directory}/"), Body=b"")

    def delete_directory(self, directory: str) -> None:
        prefix = f"{directory}/" if directory else ""
        found = s3_listing.pages(
            self._client, "list_objects_v2", Bucket=self._bucket, Prefix=prefix
        )
        for page in found:
            keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
            if keys:
                self._delete_batch(keys)

    # --- URLs ---

    def url(self, path: str) -> str:
        if self._public_url is not None:
            return f"{self._public_url}/{quote(path)}"
        endpoint, path_style = self._client.meta.endpoint_url, self._account.path_style
        return f"{presigned.address(endpoint, self._bucket, path_style)}/{quote(path)}"

    def temporary_url(self, path: str, seconds: int, name: str | None) -> str:
        with translated():
            return presigned.download(self._client, self._target(path), seconds, name)

    def temporary_upload(self, path: str, terms: UploadTerms) -> dict[str, Any]:
        with translated():
            acl = _ACLS[self._visibility] if self._visibility else None
            return presigned.upload(self._client, self._target(path), terms, acl)

    def complete_upload(self, path: str, upload_id: str, size: int) -> None:
        with translated():
            presigned.complete(self._client, {**self._target(path), "UploadId": upload_id}, size)

    def abort_upload(self, path: str, upload_id: str) -> None:
        with translated():
            self._client.abort_multipart_upload(**self._target(path), UploadId=upload_id)

    # --- Care ---

    def tidy(self, seconds: float) -> int:
        before = datetime.now(timezone.utc) - timedelta(seconds=seconds)
        left = s3_listing.unfinished_uploads(self._client, self._bucket, before)
        for path, upload_id in left:
            self.abort_upload(path, upload_id)
        return len(left)

    def start(self) -> None:
        client_of(self._account)

    def check(self) -> None:
        try:
            with translated():
                self._client.head_bucket(Bucket=self._bucket)
        except NotFound as error:
            raise Unavailable("there is no such bucket") from error
        with suppress(NotFound):
            self._head(f".health-{secrets.token_hex(8)}")
            raise Unavailable("it has a file that nobody put there, so it is no S3")


def _info(head: dict[str, Any]) -> FileInfo:
    return FileInfo(
        head["ContentLength"],
        head["ETag"].strip('"'),
        head["LastModified"].astimezone(timezone.utc),
        head.get("ContentType") or "application/octet-stream",
        # Header names, which some servers capitalise.
        {name.lower(): value for name, value in head.get("Metadata", {}).items()},
    )
