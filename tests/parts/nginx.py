"""A real nginx in front of loopback servers, by the configuration of examples/deploy."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from .processes import accepts
from .processes import free_port
from .processes import Process
from .processes import ROOT

CONFIGURATION = ROOT / "examples" / "deploy" / "nginx.conf"


def nginx_binary() -> str:
    """nginx, where Debian keeps it too."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    assert found, "no nginx; python3 dev.py test installs it, or says how"
    return found


class Nginx:
    """Serves what ``ports`` serve, on a port of its own.

    Nothing but addresses, paths and the number of its workers differs from the configuration
    people copy: each worker balances by itself, and of many each might prefer the same server.

    :param outer_proxy: the address of a proxy in front of it.
    """

    def __init__(self, ports: Sequence[int], folder: Path, outer_proxy: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        configuration = folder / "nginx.conf"
        configuration.write_text(self._adapted(ports, folder, outer_proxy))
        command = [nginx_binary(), "-p", str(folder), "-c", str(configuration)]
        self.process = Process([*command, "-g", "daemon off;"], folder / "nginx.log")
        self.process.await_start(lambda: accepts(self.port))

    def _adapted(self, ports: Sequence[int], folder: Path, outer_proxy: str) -> str:
        text = CONFIGURATION.read_text()
        if outer_proxy:
            text = text.replace("# 192.0.2.10 yes;", f"{outer_proxy} yes;")
        text = re.sub(r" /tmp/", f" {folder}/", text)
        text = text.replace("worker_processes auto", "worker_processes 2")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{self.port}")
        servers = "".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;" for port in ports)
        replicas = r"(server [\d.]+:8000 max_fails=1 fail_timeout=1s;\s+)+"
        text, found = re.subn(replicas, servers, text)
        assert found == 1
        return text

    def output(self) -> str:
        return self.process.output()

    def stop(self) -> int:
        return self.process.stop()
