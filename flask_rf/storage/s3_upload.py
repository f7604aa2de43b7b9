"""Multipart uploads: a few parts at a time, and nothing left of those that fail.

boto3's transfer manager is not used for them. Its parts do not grow while the end of a stream is
unknown, which ends it at 78 GiB. Under gevent, with ``use_threads=False``, it sends one part at a
time, at 0.7 of its threads' speed, where these come to 0.9; its threads, made greenlets, hash
whole parts without a pause, ten at once: the loop waits for a quarter of a second, not 22 ms
(``benchmarks/storage.py``).
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from typing import Any

from ..errors import NotFound
from ..errors import StorageError
from ..eventloop import breathe
from .parts import part_size
from .s3_errors import translated
from .source import PIECE
from .source import Source

logger = logging.getLogger("flask_rf")

#: Parts on their way at once. With the one being read, they are what an upload holds in memory.
WIDTH = 3

#: A part that the server has: bytes, and what completing the upload says of it.
_Sent = tuple[int, dict[str, Any]]


class Body(io.BytesIO):
    """Bytes that are hashed and sent without keeping other greenlets from running."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return super().read()
        if self.tell() % PIECE < size:
            breathe()
        return super().read(min(size, PIECE))


class Upload:
    """A multipart upload of one file.

    :param target: ``Bucket`` and ``Key``.
    :param attributes: of the file, for the request that begins the upload.
    :raises StorageError: it could not begin.
    """

    def __init__(self, client: Any, target: dict[str, str], attributes: dict[str, Any]) -> None:
        self._client = client
        # Parts may have checksums only if the upload was begun with them.
        checked = client.meta.config.request_checksum_calculation == "when_supported"
        self._checksum = {"ChecksumAlgorithm": "CRC32"} if checked else {}
        with translated():
            begun = client.create_multipart_upload(**target, **attributes, **self._checksum)
        self._upload = {**target, "UploadId": begun["UploadId"]}

    def send(self, first: bytes, source: Source) -> None:
        """Upload ``first`` and what ``source`` still has."""
        parts = _parts(first, source)
        self._run(lambda number, part: self._send(number, part), parts, source.stored)

    def copy(self, source: dict[str, str], etag: str, ranges: Iterator[tuple[int, int]]) -> None:
        """Put the file together from ranges of another one, which must not change meanwhile."""
        self._run(lambda number, part: self._copy(number, source, etag, part), ranges, _nobody)

    def _run(
        self,
        send: Callable[[int, Any], _Sent],
        parts: Iterator[Any],
        stored: Callable[[int], None],
    ) -> None:
        try:
            with translated():
                sent = sorted(_in_parallel(send, parts, stored), key=lambda p: p["PartNumber"])
                self._client.complete_multipart_upload(
                    **self._upload, MultipartUpload={"Parts": sent}
                )
        except BaseException:  # gevent.Timeout, too
            self._abort()
            raise

    def _send(self, number: int, part: bytes) -> _Sent:
        done = self._client.upload_part(
            **self._upload, **self._checksum, PartNumber=number, Body=Body(part)
        )
        return len(part), _named(number, done)

    def _copy(self, number: int, source: dict[str, str], etag: str, part: tuple[int, int]) -> _Sent:
        done = self._client.upload_part_copy(
            **self._upload,
            PartNumber=number,
            CopySource=source,
            CopySourceRange="bytes={}-{}".format(*part),
            CopySourceIfMatch=etag,
        )
        size = part[1] - part[0] + 1
        return size, _named(number, done["CopyPartResult"])

    def _abort(self) -> None:
        try:
            with translated():
                self._client.abort_multipart_upload(**self._upload)
        except NotFound:
            pass  # it was completed, and only the answer has not come
        except StorageError as error:
            key = self._upload["Key"]
            logger.warning(
                "an upload of %r is left behind (%s): `flask rf storage tidy` removes it",
                key,
                error.reason,
            )


def _named(number: int, done: dict[str, Any]) -> dict[str, Any]:
    """A part as it is named when the upload is completed."""
    kept: dict[str, Any] = {name: done[name] for name in ("ETag", "ChecksumCRC32") if name in done}
    return {"PartNumber": number, **kept}


def _parts(first: bytes, source: Source) -> Iterator[bytes]:
    number, part = 1, first
    while part:
        yield part
        number += 1
        part = source.read(part_size(source.size, number))


def _in_parallel(
    send: Callable[[int, Any], _Sent], parts: Iterator[Any], stored: Callable[[int], None]
) -> list[dict[str, Any]]:
    """Send parts, and return once no request is under way any more."""
    sent: list[dict[str, Any]] = []

    def collect(futures: set[Future[_Sent]]) -> None:
        for future in futures:
            size, part = future.result()
            sent.append(part)
            stored(size)

    with ThreadPoolExecutor(WIDTH, "storage upload") as pool:
        running: set[Future[_Sent]] = set()
        try:
            for number, part in enumerate(parts, 1):
                running.add(pool.submit(send, number, part))
                if len(running) == WIDTH:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    collect(done)
            collect(running)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sent


def _nobody(count: int) -> None:
    """Who hears of bytes that never came here."""
