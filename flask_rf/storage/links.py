"""URLs under which the app itself serves and takes files, and the keys that sign them."""

from __future__ import annotations

import time
from collections.abc import Mapping

from flask import Flask
from flask import has_request_context
from flask import request

from ..blueprints import host_values
from ..errors import ConfigurationError
from ..settings import key_bytes
from .options import StorageOptions
from .signature import is_signed
from .signature import Leave
from .signature import sign

#: The endpoint of all of them.
ENDPOINT = "rf_storage.file"


class Links:
    """Those of one app.

    They are paths, unless ``STORAGE_BASE_URL`` says what they begin with: a request's Host
    header is no source, since whoever sends a strange one could have a page or a mail point
    to a server of theirs, and signed at that.
    """

    def __init__(self, app: Flask, options: StorageOptions) -> None:
        self._app = app
        self._options = options

    def public(self, disk: str, path: str) -> str:
        """Where everybody reads a file."""
        return self._url(disk, path, {})

    def signed(self, leave: Leave) -> str:
        """Where ``leave`` can be taken.

        :raises ConfigurationError: there is no key to sign with.
        """
        keys = self._keys()
        if not keys:
            raise ConfigurationError(
                "STORAGE_SIGNING_KEYS",
                None,
                "set it, or SECRET_KEY in app.config, to sign temporary URLs with",
            )
        signature = {"signature": sign(keys[0], leave)}
        return self._url(leave.disk, leave.path, leave.query() | signature)

    def allow(self, leave: Leave, signature: str) -> bool:
        """Whether one of the keys signed ``leave`` and it has not expired."""
        return is_signed(self._keys(), leave, signature, time.time())

    def _keys(self) -> tuple[bytes, ...]:
        """The first signs; all are accepted."""
        keys = self._options.signing_keys
        if not keys:
            fallbacks = self._app.config.get("SECRET_KEY_FALLBACKS") or ()
            keys = tuple(key for key in (self._app.secret_key, *fallbacks) if key)
        return tuple(map(key_bytes, keys))

    def _url(self, disk: str, path: str, query: Mapping[str, str]) -> str:
        mounted_at = self._app.config["APPLICATION_ROOT"]
        if has_request_context():
            mounted_at = request.script_root
        adapter = self._app.url_map.bind("localhost", script_name=mounted_at)
        place = {"disk": disk, "path": path, **host_values(self._app, "localhost")}
        built = adapter.build(ENDPOINT, {**place, **query})
        return f"{self._options.base_url}{built}"
