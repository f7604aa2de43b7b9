"""From the settings to drivers: what each disk's options may be, and who wraps whom."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import Flask

from .. import kinds
from ..errors import ConfigurationError
from ..kinds import Kind
from ..settings import Hidden
from .driver import Driver
from .local import LocalDriver
from .memory import MemoryDriver
from .options import bucket
from .options import disk_name
from .options import endpoint
from .options import region
from .options import root
from .options import StorageOptions
from .options import url
from .path import directory_path
from .s3 import S3Driver
from .s3_client import Account
from .wrappers import Mount
from .wrappers import ReadOnly
from .wrappers import ReadThrough
from .wrappers import Scoped


def _prefix(raw: Any) -> str:
    path = directory_path(kinds.text(raw))
    if not path:
        raise ValueError("write the path of a directory on the disk")
    return path


_VISIBILITY = kinds.choice("public", "private")
_SERVED: dict[str, Kind[Any]] = {"serve": kinds.boolean, "visibility": _VISIBILITY}
_KINDS: dict[str, dict[str, Kind[Any]]] = {
    "local": {"root": root, "public_url": url, **_SERVED},
    "memory": _SERVED,
    "s3": {
        "bucket": bucket,
        "region": region,
        "endpoint": endpoint,
        "key": kinds.text,
        "secret": kinds.text,
        "path_style": kinds.boolean,
        "public_url": url,
        "visibility": _VISIBILITY,
        "connect_timeout": kinds.number(0.001),
        "timeout": kinds.number(0.001),
        "attempts": kinds.whole(1),
    },
    "scoped": {"disk": disk_name, "prefix": _prefix},
    "read_only": {"disk": disk_name},
    "read_through": {"disk": disk_name, "fallback": disk_name},
}
_REQUIRED = {
    "local": ("root",),
    "s3": ("bucket",),
    "scoped": ("disk", "prefix"),
    "read_only": ("disk",),
    "read_through": ("disk", "fallback"),
}


@dataclass(frozen=True)
class Mounted:
    """A disk's driver, and who serves its public files: the app, another server, or nobody."""

    mount: Mount
    serve: bool
    elsewhere: bool = False


def mount_all(app: Flask, options: StorageOptions) -> dict[str, Mounted]:
    """Every disk that the settings declare.

    :raises ConfigurationError: an option cannot be meant, or disks wrap each other in a circle.
    """
    mounting = _Mounting(app, options)
    return {name: mounting.mount(name) for name in mounting.declared}


class _Mounting:
    def __init__(self, app: Flask, options: StorageOptions) -> None:
        self.declared = _declared(app, options)
        self._options = options
        self._mounted: dict[str, Mounted] = {}
        self._under_way: list[str] = []
        self._makers: dict[str, Callable[[str, dict[str, Any]], Mounted]] = {
            "local": self._local,
            "memory": self._memory,
            "s3": self._s3,
            "scoped": self._scoped,
            "read_only": self._read_only,
            "read_through": self._read_through,
        }

    def mount(self, name: str) -> Mounted:
        if name not in self._mounted:
            self._under_way.append(name)
            self._mounted[name] = self._make(name)
            self._under_way.pop()
        return self._mounted[name]

    def _make(self, name: str) -> Mounted:
        options = dict(self.declared[name])
        driver = options.pop("driver")
        if isinstance(driver, type) and issubclass(driver, Driver):
            return _own(name, driver, options)
        if not isinstance(driver, str) or driver not in self._makers:
            remedy = f"write {_alternatives(self._makers)}, or give a class derived from Driver"
            raise _error(name, "driver", driver, remedy)
        return self._makers[driver](name, self._checked(name, driver, options))

    def _checked(self, name: str, driver: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a disk, each turned into its value."""
        known = _KINDS[driver]
        checked = self._s3_defaults() if driver == "s3" else {}
        for option, raw in given.items():
            if option not in known:
                raise _error(name, option, Hidden(), f"no such option; {_likely(option, known)}")
            try:
                checked[option] = known[option](raw)
            except ValueError as error:
                shown = Hidden() if option in ("key", "secret") else raw
                raise _error(name, option, shown, str(error)) from None
        for option in _REQUIRED.get(driver, ()):
            if checked.get(option) is None:
                raise _error(name, option, None, f"a {driver} disk needs it")
        return checked

    def _s3_defaults(self) -> dict[str, Any]:
        """What STORAGE_S3_* say goes for every disk of S3."""
        named = {option: getattr(self._options, f"s3_{option}", None) for option in _KINDS["s3"]}
        return {option: value for option, value in named.items() if value is not None}

    def _local(self, name: str, options: dict[str, Any]) -> Mounted:
        serve = options.pop("serve", False)
        return Mounted(Mount(LocalDriver(**options)), serve, options.get("public_url") is not None)

    def _memory(self, name: str, options: dict[str, Any]) -> Mounted:
        serve = options.pop("serve", False)
        return Mounted(Mount(MemoryDriver(**options)), serve)

    def _s3(self, name: str, options: dict[str, Any]) -> Mounted:
        if importlib.util.find_spec("boto3") is None:
            raise _error(name, "driver", "s3", "install flask-rf[s3] for it")
        if (options.get("key") is None) != (options.get("secret") is None):
            raise _error(name, "secret", Hidden(), "give both key and secret, or neither")
        own = {key: options.pop(key, None) for key in ("bucket", "public_url", "visibility")}
        if options.get("endpoint") is not None:
            options = {"region": "us-east-1", "path_style": True} | options
        driver = S3Driver(account=Account(**options), **own)
        return Mounted(Mount(driver), serve=False, elsewhere=True)

    def _scoped(self, name: str, options: dict[str, Any]) -> Mounted:
        inner = self._inner(name, options["disk"])
        return replace(inner, mount=Mount(Scoped(inner.mount, options["prefix"])))

    def _read_only(self, name: str, options: dict[str, Any]) -> Mounted:
        inner = self._inner(name, options["disk"])
        return replace(inner, mount=Mount(ReadOnly(inner.mount)))

    def _read_through(self, name: str, options: dict[str, Any]) -> Mounted:
        inner = self._inner(name, options["disk"])
        fallback = self._inner(name, options["fallback"], "fallback")
        return replace(inner, mount=Mount(ReadThrough(inner.mount, fallback.mount)))

    def _inner(self, name: str, disk: str, option: str = "disk") -> Mounted:
        if disk not in self.declared:
            raise _error(name, option, disk, f"no such disk; {_likely(disk, self.declared)}")
        if disk in self._under_way:
            raise _error(name, option, disk, "name a disk that this one is no part of")
        return self.mount(disk)


def _declared(app: Flask, options: StorageOptions) -> dict[str, Mapping[str, Any]]:
    declared = dict(options.disks or {})
    if options.s3_bucket is not None and "s3" not in declared:
        declared["s3"] = {"driver": "s3"}
    if not declared:
        declared["local"] = {"driver": "local", "root": default_root(app)}
    return declared


def default_root(app: Flask) -> str:
    """Where the files of an app are whose settings declare no disk."""
    return f"{app.instance_path}/storage"


def _own(name: str, driver: type[Driver], options: dict[str, Any]) -> Mounted:
    """A disk of a driver that is none of ours."""
    raw = options.pop("serve", False)
    try:
        serve = kinds.boolean(raw)
    except ValueError as error:
        raise _error(name, "serve", raw, str(error)) from None
    try:
        return Mounted(Mount(driver(**options)), serve)
    except TypeError as error:
        remedy = f"give it the options it takes ({error})"
        raise _error(name, "driver", driver.__name__, remedy) from error


def _error(disk: str, option: str, value: Any, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"STORAGE_DISKS[{disk!r}][{option!r}]", value, remedy)


def _likely(written: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(written), known, n=1)
    return f"write {close[0]}" if close else f"there are {_alternatives(known)}"


def _alternatives(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
