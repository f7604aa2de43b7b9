"""A file on its way from S3, taken up again where a connection was cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import Conflict
from ..errors import Unavailable
from ..eventloop import breathe
from .s3_errors import translated
from .source import PIECE

#: How often a download is taken up again.
_RESUMES = 3


class Download:
    """One reading of a file.

    :param target: ``Bucket`` and ``Key``.
    :param start: the first byte.
    :param length: bytes; to the end if None.
    :raises NotFound: there is no such file.
    """

    def __init__(self, client: Any, target: dict[str, str], start: int, length: int | None) -> None:
        self._client = client
        self._target = target
        self._at = start
        self._end = None if length is None else start + length
        self._etag: str | None = None
        self._body: Any = None
        self._open()

    @property
    def etag(self) -> str | None:
        """Of what is read; None if there is nothing to read."""
        return self._etag and self._etag.strip('"')

    def pieces(self) -> Iterator[bytes]:
        resumes = 0
        while True:
            try:
                yield from self._rest()
                return
            except Unavailable:
                resumes += 1
                if resumes > _RESUMES:
                    raise
                self.close()
                self._reopen()

    def close(self) -> None:
        # Not read to the end, the connection cannot be used again: it is given up.
        if self._body is not None:
            self._body.close()

    def _rest(self) -> Iterator[bytes]:
        while self._body is not None:
            with translated():
                piece = self._body.read(PIECE)
            if not piece:
                return
            self._at += len(piece)
            yield piece
            breathe()

    def _open(self) -> None:
        from botocore.exceptions import ClientError

        options: dict[str, str] = {"IfMatch": self._etag} if self._etag else {}
        if self._at or self._end is not None:
            last = "" if self._end is None else self._end - 1
            options["Range"] = f"bytes={self._at}-{last}"
        self._body = None
        with translated():
            try:
                answer = self._client.get_object(**self._target, **options)
            except ClientError as error:
                if _status(error) != 416:
                    raise
                return  # the file ends before the first byte that was asked for
        self._etag, self._body = answer["ETag"], answer["Body"]

    def _reopen(self) -> None:
        if self._end is not None and self._at >= self._end:
            return
        try:
            self._open()
        except Conflict as error:
            raise Unavailable("the file changed while it was read") from error


def _status(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
