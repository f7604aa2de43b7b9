"""Ceph with its S3 gateway: knows conditional writes and the policies of POST, too."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from contextlib import ExitStack
from pathlib import Path

from .processes import accepts
from .processes import free_port
from .processes import Process
from .s3 import S3Server

# One monitor and one object store in memory, which trust each other and do not wait for others
# to speak up (paxos): it starts in a second, not in twelve. What is deleted is soon gone (gc), or a
# full store would let requests wait for ever.
CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{monitor}/0]
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 5000
paxos propose interval = 0.05
paxos min wait = 0.01
osd objectstore = memstore
memstore device bytes = 8589934592
run dir = {folder}
log file = {folder}/$type.$id.log
pid file = {folder}/$type.$id.pid
admin socket = {folder}/$type.$id.$pid.asok
mon data = {folder}/mon
osd data = {folder}/osd
keyring = {folder}/keyring
[client.admin]
ms mon client mode = crc
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {folder}/rgw
rgw run sync thread = false
rgw thread pool size = 64
rgw gc obj min wait = 10
rgw gc processor period = 5
"""


def has_ceph() -> bool:
    """Whether Debian's packages of it are installed; dev.py installs them for root."""
    return all(map(shutil.which, ("radosgw", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin")))


class CephProcesses(S3Server):
    """A cluster of one on its own ports."""

    name = "ceph"
    key = "test"
    secret = "testing"

    def __init__(self, folder: Path) -> None:
        self.port, self._fsid = free_port(), str(uuid.uuid4())
        self._folder = folder
        for name in ("osd", "rgw"):
            (folder / name).mkdir()
        with ExitStack() as started:
            self._started = started
            self._start_monitor()
            self._start_store()
            self._serve(
                "radosgw", "-n", "client.admin", "--keyring", f"{folder}/keyring"
            ).await_start(lambda: accepts(self.port), timeout=90)
            self._run(
                "radosgw-admin",
                "user",
                "create",
                "--uid=test",
                "--display-name=test",
                f"--access-key={self.key}",
                f"--secret-key={self.secret}",
            )
            self._started = started.pop_all()

    def _start_monitor(self) -> None:
        folder, port = self._folder, free_port()
        config = CONFIG.format(fsid=self._fsid, monitor=port, port=self.port, folder=folder)
        (folder / "ceph.conf").write_text(config)
        keyring, monmap = f"{folder}/keyring", f"{folder}/monmap"
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.")
        self._run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin")
        address = f"[v2:127.0.0.1:{port}]"
        self._run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", address, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self._serve("ceph-mon", "-i", "a")

    def _start_store(self) -> None:
        store = str(uuid.uuid4())
        self._run("ceph", "osd", "new", store)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store)
        self._serve("ceph-osd", "-i", "0")

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [*command, "-c", f"{self._folder}/ceph.conf"],
            timeout=90,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stderr}"

    def _serve(self, *command: str) -> Process:
        log = self._folder / f"{command[0]}.out"
        process = Process([*command, "-f", "-c", f"{self._folder}/ceph.conf"], log)
        self._started.callback(process.kill)
        return process

    def stop(self) -> None:
        self._started.close()
