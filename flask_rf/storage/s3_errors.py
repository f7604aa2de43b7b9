"""What an S3 server or the way to it says, as a StorageError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import Conflict
from ..errors import Denied
from ..errors import InvalidPath
from ..errors import NoSpace
from ..errors import NotFound
from ..errors import StorageError
from ..errors import TooLarge
from ..errors import Unavailable
from ..errors import Unsupported

#: "Error responses" in the S3 API reference, and those of Ceph and Swift.
_CODES: dict[str, tuple[type[StorageError], str]] = {
    "NoSuchKey": (NotFound, "there is no such file"),
    "NoSuchUpload": (NotFound, "there is no such upload"),
    "NoSuchBucket": (Unavailable, "there is no such bucket"),
    "AccessDenied": (Denied, "these credentials do not allow it"),
    "InvalidAccessKeyId": (Denied, "the server does not know the access key"),
    "SignatureDoesNotMatch": (Denied, "the secret key does not fit the access key"),
    "ExpiredToken": (Denied, "the credentials have expired"),
    "RequestTimeTooSkewed": (Denied, "this machine's clock is wrong"),
    "PreconditionFailed": (Conflict, "the file has changed meanwhile"),
    "ConditionalRequestConflict": (Conflict, "the file is being changed"),
    "OperationAborted": (Conflict, "the file is being changed"),
    "EntityTooLarge": (TooLarge, "the server takes no file of this size"),
    "KeyTooLongError": (InvalidPath, "the path is too long here"),
    "QuotaExceeded": (NoSpace, "the quota is used up"),
    "InsufficientStorage": (NoSpace, "no space is left"),
    "XMinioStorageFull": (NoSpace, "no space is left"),
    "NotImplemented": (Unsupported, "the server cannot do that"),
    "MethodNotAllowed": (Unsupported, "the server cannot do that"),
    "AccessControlListNotSupported": (
        Unsupported,
        "the bucket has no ACLs: leave visibility to its policy",
    ),
}
_STATUSES: dict[int, tuple[type[StorageError], str]] = {
    401: _CODES["AccessDenied"],
    403: _CODES["AccessDenied"],
    404: _CODES["NoSuchKey"],
    409: _CODES["ConditionalRequestConflict"],
    412: _CODES["PreconditionFailed"],
    413: _CODES["EntityTooLarge"],
    501: _CODES["NotImplemented"],
    507: _CODES["InsufficientStorage"],
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise what boto3 raises as a StorageError."""
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError
    from botocore.exceptions import NoCredentialsError
    from botocore.exceptions import PartialCredentialsError

    try:
        yield
    except ClientError as error:
        raise _answered(error.response) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Denied("no credentials: set STORAGE_S3_KEY and STORAGE_S3_SECRET") from error
    except BotoCoreError as error:
        raise Unavailable(_first_line(error)) from error


def _answered(response: dict[str, Any]) -> StorageError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    kind, words = _CODES.get(code) or _STATUSES.get(status) or _unknown(status)
    # A HEAD request has no body, and botocore gives the status as the code.
    return kind(words if code.isdecimal() or not code else f"{words} ({code})")


def _unknown(status: int) -> tuple[type[StorageError], str]:
    kind = Unavailable if status >= 500 or status == 429 else StorageError
    return kind, f"the server answers with {status}"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
