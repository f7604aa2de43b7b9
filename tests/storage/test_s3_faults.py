"""Bad days of S3: servers that refuse, are silent, or cut off in the middle.

On one server: it is our side that is tried.
"""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ResponseStreamingError
from flask import Flask

from flask_rf import Storage
from flask_rf.storage import Disk
from flask_rf.storage import Unavailable
from flask_rf.storage.parts import MIB
from flask_rf.storage.s3_download import Download
from tests.conftest import Logged
from tests.parts.processes import free_port
from tests.parts.processes import wait_until
from tests.parts.proxy import FaultProxy
from tests.parts.s3 import S3Server
from tests.storage.conftest import ON_S3

pytestmark = pytest.mark.s3

LARGE = os.urandom(MIB) * 20


@pytest.fixture(params=ON_S3[-1:])
def server(request: pytest.FixtureRequest, _started: Callable[..., S3Server]) -> S3Server:
    return _started(request.param)


@pytest.fixture
def disk(app: Flask, server: S3Server, bucket: str) -> Disk:
    return Storage(app, disks={"cloud": server.disk(bucket)}).disk()


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    proxy = FaultProxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def far(server: S3Server, bucket: str, proxy: FaultProxy) -> Disk:
    """The same bucket behind the proxy, asked once."""
    options = server.disk(bucket, proxy.port, attempts=1)
    return Storage(Flask("far"), disks={"cloud": options}).disk()


def uploads(server: S3Server, bucket: str) -> list[Any]:
    listed = server.client.list_multipart_uploads(Bucket=bucket)
    return list(listed.get("Uploads", []))


class Stream(io.RawIOBase):
    """A large stream of unknown length that does something when half of it is read."""

    def __init__(self, halfway: Callable[[], Any]) -> None:
        self._content = io.BytesIO(LARGE)
        self._halfway: Callable[[], Any] | None = halfway

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._halfway and self._content.tell() > len(LARGE) // 2:
            halfway, self._halfway = self._halfway, None
            halfway()
        return self._content.readinto(buffer)


def test_a_server_that_is_not_there_is_unavailable(app: Flask) -> None:
    options = {"endpoint": f"http://127.0.0.1:{free_port()}", "key": "a", "secret": "b"}
    options |= {"driver": "s3", "bucket": "bucket", "attempts": 1}
    disk = Storage(app, disks={"cloud": options}).disk()
    for use in (disk.get, disk.exists, disk.delete, lambda path: disk.put(path, b"tea")):
        with pytest.raises(Unavailable) as caught:
            use("file")
        assert (caught.value.disk, caught.value.path) == ("cloud", "file")
        assert caught.value.__cause__ is not None


def test_a_deaf_server_is_unavailable_within_its_time(
    far: Disk, server: S3Server, bucket: str, proxy: FaultProxy
) -> None:
    options = server.disk(bucket, proxy.port, attempts=1, timeout=2)
    impatient = Storage(Flask("impatient"), disks={"cloud": options}).disk()
    far.put("file", b"tea")
    proxy.deaf = True
    with pytest.raises(Unavailable):
        impatient.get("file")
    proxy.deaf = False
    wait_until(lambda: got_in_time(impatient, "file") == b"tea")


def got_in_time(disk: Disk, path: str) -> bytes | None:
    with suppress(Unavailable):
        return disk.get(path)
    return None


def test_an_upload_cut_off_in_mid_part_leaves_nothing(
    far: Disk, disk: Disk, server: S3Server, bucket: str, proxy: FaultProxy
) -> None:
    disk.put("file", b"before")
    proxy.limit = 2 * MIB
    with pytest.raises(Unavailable):
        far.put("file", io.BytesIO(LARGE))
    assert disk.get("file") == b"before"
    assert uploads(server, bucket) == []


def test_what_is_cut_off_is_tried_again(
    server: S3Server, bucket: str, proxy: FaultProxy, disk: Disk
) -> None:
    options = server.disk(bucket, proxy.port, attempts=3)
    patient = Storage(Flask("patient"), disks={"cloud": options}).disk()
    patient.put("file", b"tea")
    proxy.cut()
    patient.put("file", Stream(proxy.cut))
    assert disk.get("file") == LARGE


class Stop(BaseException):
    """As gevent.Timeout is: no Exception."""


@pytest.mark.parametrize("stop", [Stop, LookupError, KeyboardInterrupt])
def test_an_upload_that_is_stopped_is_aborted(
    disk: Disk, server: S3Server, bucket: str, stop: type[BaseException]
) -> None:
    def halfway() -> None:
        raise stop

    with pytest.raises(stop):
        disk.put("file", Stream(halfway))
    assert uploads(server, bucket) == []
    assert disk.missing("file")


def test_an_upload_that_was_completed_unheard_is_nothing_to_worry_about(
    disk: Disk,
    server: S3Server,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    logged: Logged,
) -> None:
    client = disk.driver._client  # type: ignore[attr-defined]
    complete = client.complete_multipart_upload

    def unheard(**options: Any) -> None:
        complete(**options)
        raise Stop

    monkeypatch.setattr(client, "complete_multipart_upload", unheard)
    with caplog.at_level(logging.WARNING, "flask_rf"), pytest.raises(Stop):
        disk.put("file", io.BytesIO(LARGE))
    assert logged() == []
    assert disk.size("file") == len(LARGE)


def test_an_upload_that_cannot_be_aborted_is_told_of_and_tidied_up_later(
    far: Disk,
    disk: Disk,
    server: S3Server,
    bucket: str,
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "flask_rf"), pytest.raises(Unavailable):
        far.put("file", Stream(proxy.close))
    assert "an upload of 'file' is left behind" in caplog.text
    assert len(uploads(server, bucket)) == 1
    assert disk.driver.tidy(3600) == 0
    time.sleep(1.1)
    assert disk.driver.tidy(0) == 1
    assert uploads(server, bucket) == []


def test_a_download_cut_off_goes_on_where_it_was(far: Disk, disk: Disk, proxy: FaultProxy) -> None:
    disk.put("file", LARGE)
    got, cuts = b"", 0
    with far.read_stream("file", 7) as stream:
        for piece in stream:
            got += piece
            if cuts < 3 and len(got) > cuts * 5 * MIB:
                cuts += 1
                proxy.cut()
    assert got == LARGE[7:]
    assert cuts == 3


def test_a_download_cut_off_at_its_very_end_is_whole(disk: Disk) -> None:
    disk.put("file", b"tea")
    download = Download(disk.driver._client, disk.driver._target("file"), 0, None)  # type: ignore
    cut_off = iter([b"tea", ResponseStreamingError(error="cut off")])

    def read(size: int) -> bytes:
        piece = next(cut_off)
        if isinstance(piece, Exception):
            raise piece
        return piece

    download._body.read = read
    assert b"".join(download.pieces()) == b"tea"


def test_a_download_cut_off_again_and_again_is_unavailable(
    far: Disk, disk: Disk, proxy: FaultProxy
) -> None:
    disk.put("file", LARGE)
    with pytest.raises(Unavailable):
        with far.read_stream("file") as stream:
            for _ in stream:
                proxy.cut()


def test_a_file_replaced_while_it_is_read_is_not_patched_together(
    far: Disk, disk: Disk, proxy: FaultProxy
) -> None:
    disk.put("file", LARGE)
    with pytest.raises(Unavailable, match="the file changed while it was read"):
        with far.read_stream("file") as stream:
            next(stream)
            disk.put("file", LARGE[::-1])
            proxy.cut()
            for _ in stream:
                pass
