"""Whether a disk can be used."""

from __future__ import annotations

import secrets

from ..errors import StorageError
from .disk import Disk


class StorageCheck:
    """Asks a disk whether it is there; for health.

    :param disk: the disk.
    :param write: whether to write, read and delete a small file, too, which costs requests.
    """

    def __init__(self, disk: Disk, *, write: bool = False) -> None:
        self._disk = disk
        self._write = write

    def __call__(self) -> dict[str, str]:
        try:
            self._disk.driver.check()
            if self._write:
                self._write_and_read()
        except StorageError as error:
            return {"status": "fail", "output": error.reason}
        return {"status": "pass"}

    def _write_and_read(self) -> None:
        path, content = f".health-{secrets.token_hex(8)}", secrets.token_bytes(16)
        try:
            self._disk.put(path, content)
            if self._disk.get(path) != content:
                raise StorageError("what is read is not what was written")
        finally:
            self._disk.delete(path)
