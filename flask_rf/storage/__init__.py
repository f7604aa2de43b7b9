"""File storage: one API over disks of this machine, buckets of S3, and memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from flask import Flask

from .. import lifecycle
from ..checks import add_check
from ..checks import Check
from ..errors import AlreadyExists
from ..errors import Conflict
from ..errors import Denied
from ..errors import Incomplete
from ..errors import InvalidPath
from ..errors import Linked
from ..errors import NoSpace
from ..errors import NotFound
from ..errors import Obstructed
from ..errors import StorageError
from ..errors import TooLarge
from ..errors import Unavailable
from ..errors import Unsupported
from ..errors import WrongType
from ..recipe import Recipe
from ..settings import resolve
from .answers import answer
from .check import StorageCheck
from .disk import Disk
from .disks import Disks
from .driver import Driver
from .driver import Entry
from .driver import FileInfo
from .driver import Pieces
from .driver import Terms
from .driver import UploadTerms
from .driver import Visibility
from .fake import FakeDisk
from .options import StorageOptions
from .reader import Reader
from .routes import make_blueprint
from .source import Source

__all__ = [
    "AlreadyExists",
    "Conflict",
    "Denied",
    "Disk",
    "Disks",
    "Driver",
    "Entry",
    "FakeDisk",
    "FileInfo",
    "Incomplete",
    "InvalidPath",
    "Linked",
    "NoSpace",
    "NotFound",
    "Obstructed",
    "Pieces",
    "Reader",
    "Source",
    "Storage",
    "StorageCheck",
    "StorageError",
    "StorageOptions",
    "Terms",
    "TooLarge",
    "Unavailable",
    "Unsupported",
    "UploadTerms",
    "Visibility",
    "WrongType",
]


class Storage(Recipe[Disks]):
    """Keep files on disks, by one API for all of them::

        storage = Storage(app, disks={"uploads": {"driver": "local", "root": "/srv/uploads"}})
        storage.disk("uploads").put("hello.txt", "Hello")

    What a :class:`.disk.Disk` can do, the recipe does on the default disk:
    ``storage.put("hello.txt", "Hello")``. Options are the fields of :class:`.StorageOptions`.

    :raises ConfigurationError: a setting cannot be meant.
    """

    name = "storage"
    options = StorageOptions

    def compile(self, app: Flask) -> Disks:
        options = resolve(app, StorageOptions, self.given)
        disks = Disks(app, options)
        for disk in disks:
            name, check = f"storage:{disk.name}", StorageCheck(disk)
            # An app without files, its own folder not writable, is in good health.
            add_check(app, Check(name, check, critical=False, ready=False, applies=disks.in_use))
        lifecycle.on_worker_start(app, disks.start_worker)
        app.register_blueprint(make_blueprint(disks, options.url_prefix))
        app.register_error_handler(StorageError, answer)
        return disks

    def disk(self, name: str | None = None) -> Disk:
        """A disk by its name; the default one without.

        :raises SetupError: there is no disk of this name.
        """
        return self.compiled.disk(name)

    def fake(self, name: str | None = None) -> AbstractContextManager[FakeDisk]:
        """Have a disk in memory stand in for one, in all threads, till the block ends::

            with storage.fake("uploads") as uploads:
                client.post("/avatar", data={"file": picture})
            uploads.assert_count("avatars", 1)

        Disks that are parts of it are then parts of the fake.
        """
        return self.compiled.fake(name)

    def __getattr__(self, name: str) -> Any:
        # Only what a disk can do: anything else must not need an app to be no attribute.
        if name.startswith("_") or not hasattr(Disk, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.disk(), name)
