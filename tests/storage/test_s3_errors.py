"""What servers answer, as errors of ours."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.exceptions import EndpointConnectionError
from botocore.exceptions import NoCredentialsError
from botocore.exceptions import ReadTimeoutError

from flask_rf import StorageError
from flask_rf.storage import Conflict
from flask_rf.storage import Denied
from flask_rf.storage import InvalidPath
from flask_rf.storage import NoSpace
from flask_rf.storage import NotFound
from flask_rf.storage import TooLarge
from flask_rf.storage import Unavailable
from flask_rf.storage import Unsupported
from flask_rf.storage.s3_errors import translated

ANSWERS: list[tuple[str, int, type[StorageError], str]] = [
    ("NoSuchKey", 404, NotFound, "there is no such file (NoSuchKey)"),
    ("404", 404, NotFound, "there is no such file"),
    ("NoSuchBucket", 404, Unavailable, "there is no such bucket (NoSuchBucket)"),
    ("AccessDenied", 403, Denied, "these credentials do not allow it (AccessDenied)"),
    ("403", 403, Denied, "these credentials do not allow it"),
    ("RequestTimeTooSkewed", 403, Denied, "this machine's clock is wrong (RequestTimeTooSkewed)"),
    ("PreconditionFailed", 412, Conflict, "the file has changed meanwhile (PreconditionFailed)"),
    ("412", 412, Conflict, "the file has changed meanwhile"),
    ("EntityTooLarge", 400, TooLarge, "the server takes no file of this size (EntityTooLarge)"),
    ("QuotaExceeded", 403, NoSpace, "the quota is used up (QuotaExceeded)"),
    ("", 507, NoSpace, "no space is left"),
    ("NotImplemented", 501, Unsupported, "the server cannot do that (NotImplemented)"),
    ("KeyTooLongError", 400, InvalidPath, "the path is too long here (KeyTooLongError)"),
    ("SlowDown", 503, Unavailable, "the server answers with 503 (SlowDown)"),
    ("InternalError", 500, Unavailable, "the server answers with 500 (InternalError)"),
    ("TooManyRequests", 429, Unavailable, "the server answers with 429 (TooManyRequests)"),
    ("MalformedXML", 400, StorageError, "the server answers with 400 (MalformedXML)"),
]


@pytest.mark.parametrize(("code", "status", "kind", "reason"), ANSWERS)
def test_each_answer_has_its_error(
    code: str, status: int, kind: type[StorageError], reason: str
) -> None:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(StorageError) as caught, translated():
        raise ClientError(answer, "GetObject")
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (EndpointConnectionError(endpoint_url="http://s3.test"), Unavailable, "Could not connect"),
        (ReadTimeoutError(endpoint_url="http://s3.test"), Unavailable, "Read timeout"),
        (NoCredentialsError(), Denied, "set STORAGE_S3_KEY and STORAGE_S3_SECRET"),
    ],
)
def test_what_never_reaches_a_server_has_an_error_too(
    error: Exception, kind: type[StorageError], words: str
) -> None:
    with pytest.raises(kind, match=words), translated():
        raise error


def test_other_errors_pass() -> None:
    for error in (NotFound("nowhere"), LookupError()):
        with pytest.raises(type(error)), translated():
            raise error
