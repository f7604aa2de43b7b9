"""Reading the files of a disk, and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from flask import Flask

from ..errors import NotFound
from ..eventloop import breathe
from .driver import Driver
from .driver import FileInfo
from .driver import Visibility
from .operation import Operation
from .path import file_path
from .reader import Reader
from .wrappers import Mount


class Reading:
    """The part of a disk that changes nothing."""

    def __init__(self, app: Flask, name: str, mount: Mount) -> None:
        self.name = name
        self._app = app
        self._mount = mount

    @property
    def driver(self) -> Driver:
        """What does the work."""
        return self._mount.driver

    def _operation(self, name: str, path: str) -> Operation:
        return Operation(self._app, self.name, name, path)

    def get(self, path: str) -> bytes:
        """A file's content.

        :raises NotFound: there is no such file.
        """
        with self._open("get", path, 0, None) as stream:
            return stream.readall()

    def json(self, path: str) -> Any:
        """A file's content, read as JSON by the app's provider.

        :raises ValueError: it is no JSON.
        """
        return self._app.json.loads(self.get(path))

    def read_stream(self, path: str, start: int = 0, length: int | None = None) -> Reader:
        """A file's content as a stream, which is to be closed: use it in a ``with`` block.

        :param start: the first byte.
        :param length: bytes; to the end by default.
        :raises NotFound: there is no such file.
        """
        if start < 0 or (length is not None and length < 0):
            raise ValueError("start and length count bytes from the beginning")
        return self._open("read_stream", path, start, length)

    def _open(self, name: str, path: str, start: int, length: int | None) -> Reader:
        operation = self._operation(name, path)
        try:
            pieces = self.driver.open(file_path(path), start, length)
        except BaseException as error:
            operation.end(error)
            raise
        return Reader(pieces, operation)

    def exists(self, path: str) -> bool:
        """Whether there is a file. Directories are none."""
        with self._operation("exists", path):
            try:
                self.driver.info(file_path(path))
            except NotFound:
                return False
            return True

    def missing(self, path: str) -> bool:
        """Whether there is no such file."""
        return not self.exists(path)

    def info(self, path: str) -> FileInfo:
        """Size, ETag, date, type and metadata of a file, at once.

        :raises NotFound: there is no such file.
        """
        with self._operation("info", path):
            return self.driver.info(file_path(path))

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return self.info(path).size

    def mime_type(self, path: str) -> str:
        """A file's MIME type: as given to ``put``, by its name, or by its first bytes.

        Without parameters such as a charset, which ``info(path).content_type`` has.
        """
        return self.info(path).mime_type

    def last_modified(self, path: str) -> datetime:
        """When a file was written; UTC."""
        return self.info(path).last_modified

    def metadata(self, path: str) -> Mapping[str, str]:
        """What was given to ``put`` beside the content; names in lower case."""
        return self.info(path).metadata

    def checksum(self, path: str, algorithm: str = "sha256") -> str:
        """The checksum of a file's content, in hexadecimal.

        :param algorithm: one of Python's hashlib.
        """
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with self._operation("checksum", path) as operation:
            stored = self.driver.checksum(file_path(path), algorithm)
            if stored is not None:
                return stored
            pieces = self.driver.open(file_path(path))
            with closing(pieces):
                for piece in pieces:
                    digest.update(piece)
                    operation.bytes += len(piece)
                    breathe()
            return digest.hexdigest()

    def visibility(self, path: str) -> Visibility:
        """``"public"`` or ``"private"``."""
        with self._operation("visibility", path):
            return self.driver.visibility(file_path(path))
