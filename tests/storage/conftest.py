"""Disks of every kind, each on a real store of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from gevent.monkey import is_module_patched

from flask_rf import Storage
from flask_rf.storage import Disk
from tests.parts.ceph import CephProcesses
from tests.parts.ceph import has_ceph
from tests.parts.s3 import S3Server
from tests.parts.swift import SwiftProcess

SERVERS: list[type[S3Server]] = [SwiftProcess, CephProcesses] if has_ceph() else [SwiftProcess]
if is_module_patched("socket"):  # then one is enough: it is our side that is patched
    del SERVERS[:-1]
ON_S3 = [pytest.param(server, id=server.name, marks=pytest.mark.s3) for server in SERVERS]


@pytest.fixture(scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., S3Server]]:
    """Starts a server when the first test needs it."""
    running: dict[Any, S3Server] = {}

    def start(kind: Callable[[Path], S3Server]) -> S3Server:
        if kind not in running:
            running[kind] = kind(tmp_path_factory.mktemp("s3"))
        return running[kind]

    yield start
    for server in running.values():
        server.stop()


@pytest.fixture(params=ON_S3)
def server(request: pytest.FixtureRequest, _started: Callable[..., S3Server]) -> S3Server:
    """Each of the S3 servers there are."""
    return _started(request.param)


@pytest.fixture
def bucket(server: S3Server) -> str:
    """An empty bucket on the server."""
    return new_bucket(server)


def new_bucket(server: S3Server) -> str:
    name = f"test-{secrets.token_hex(8)}"
    server.client.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["memory", "local", *ON_S3])
def disk(
    request: pytest.FixtureRequest, app: Flask, tmp_path: Path, _started: Callable[..., S3Server]
) -> Disk:
    """An empty disk of each driver; on S3, of each server."""
    if isinstance(request.param, str):
        options = {"driver": request.param}
        options |= {"root": str(tmp_path / "disk")} if request.param == "local" else {}
    else:
        server = _started(request.param)
        options = server.disk(new_bucket(server))
    return Storage(app, disks={"files": options}).disk()
