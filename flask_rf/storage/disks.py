"""The disks of one app."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from flask import Flask

from ..errors import ConfigurationError
from ..errors import SetupError
from ..errors import StorageError
from .config import default_root
from .config import mount_all
from .config import Mounted
from .disk import Disk
from .fake import FakeDisk
from .links import Links
from .memory import MemoryDriver
from .options import StorageOptions

D = TypeVar("D", bound=Disk)


class Disks:
    """All that ``app`` has, by their names."""

    def __init__(self, app: Flask, options: StorageOptions) -> None:
        self._app = app
        self._declared = bool(options.disks or options.s3_bucket)
        self.links = Links(app, options)
        self._mounted = mount_all(app, options)
        self._disks = {name: self._make(Disk, name, at) for name, at in self._mounted.items()}
        self.default = _default(options, tuple(self._disks))

    def __iter__(self) -> Iterator[Disk]:
        return iter(self._disks.values())

    def in_use(self) -> bool:
        """Whether a setting declares them, or the one that is there without has files."""
        return self._declared or os.path.isdir(default_root(self._app))

    def find(self, name: str) -> Disk | None:
        return self._disks.get(name)

    def disk(self, name: str | None = None) -> Disk:
        """:raises SetupError: there is no disk of this name."""
        found = self._disks.get(name or self.default)
        if found is None:
            raise SetupError(f"there is no disk {name!r}: there are {', '.join(self._disks)}")
        return found

    @contextmanager
    def fake(self, name: str | None = None) -> Iterator[FakeDisk]:
        """Put a disk in memory in the place of one."""
        real = self.disk(name)
        mounted = self._mounted[real.name]
        driver = _Stand(self.links, real.name) if mounted.elsewhere else MemoryDriver()
        with mounted.mount.replaced(driver):
            yield self._make(FakeDisk, real.name, mounted)

    def start_worker(self, workers: int) -> None:
        for disk in self:
            try:
                disk.driver.start()
            except StorageError as error:
                error.disk = disk.name
                raise

    def _make(self, kind: type[D], name: str, mounted: Mounted) -> D:
        return kind(self._app, name, mounted.mount, self.links, mounted.serve)


class _Stand(MemoryDriver):
    """Memory in the place of a disk whose files have URLs at another server."""

    def __init__(self, links: Links, name: str) -> None:
        super().__init__()
        self._links = links
        self._name = name

    def url(self, path: str) -> str:
        return self._links.public(self._name, path)


def _default(options: StorageOptions, names: tuple[str, ...]) -> str:
    if options.default is None:
        return names[0]
    if options.default not in names:
        remedy = f"name one of the disks: {', '.join(names)}"
        raise ConfigurationError("STORAGE_DEFAULT", options.default, remedy)
    return options.default
