"""What a large file costs, beside boto3's own transfers: speed, stalls of the loop, memory.

Each case runs in a process of its own, for gevent's monkey patch, against a real server on
this machine. ``--quick`` takes half a minute and trusts its figures less.

How long the loop waits is told twice: by the clock, and without the time in which its thread could
have gone on and the machine ran others, which Linux counts (``run_delay`` in ``schedstat``).
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._measure import save
from benchmarks.peers.report import Promise

MIB = 1024 * 1024
QUICK = "--quick" in sys.argv
SIZE = 128 if QUICK else 512  # MiB
ROUNDS = 1 if QUICK else 5
BUCKET = "benchmark"
OURS, LOCAL = "ours, gevent: S3", "ours, gevent: local disk"
THREADS = "boto3, threads"
SERIAL = "boto3, gevent, use_threads=False"
CASES = (OURS, THREADS, SERIAL, LOCAL)

Figures = dict[str, float]


def main() -> None:
    if "--case" in sys.argv:
        at = sys.argv.index("--case")
        case, server, folder = sys.argv[at + 1 : at + 4]
        print(json.dumps(_measure(case, json.loads(server), Path(folder))))
        return
    with tempfile.TemporaryDirectory(prefix="flask-rf-") as name, _server(Path(name)) as server:
        _write_file(Path(name) / "large")
        rounds = [
            {case: _in_a_process(case, server, name) for case in CASES} for _ in range(ROUNDS + 1)
        ]
    figures = {case: _medians([each[case] for each in rounds[1:]]) for case in CASES}
    _print(figures, server["name"])
    promises = [str(promise) for promise in _promises(figures)]
    print("", *promises, sep="\n")
    results = {
        "quick": QUICK,
        "load at the start": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("boto3", "gevent")},
        "server": server["name"],
        f"{SIZE} MiB": figures,
        "promises": promises,
    }
    save("storage", results)


def _promises(figures: dict[str, Figures]) -> Iterator[Promise]:
    for way in ("upload", "download"):
        for case in (OURS, LOCAL):
            stall, growth = figures[case][f"{way} stall"], figures[case][f"{way} growth"]
            yield Promise(f"{case}, {way}: longest wait for the loop, others aside, ms", stall, 50)
            yield Promise(f"{case}, {way}: growth of memory, MiB", growth, 64)
        ratio = figures[OURS][f"{way} speed"] / figures[THREADS][f"{way} speed"]
        yield Promise(f"{way} to S3, of boto3's threads' speed", ratio, 0.8, at_least=True)


@contextmanager
def _server(folder: Path) -> Iterator[dict[str, Any]]:
    from tests.parts.ceph import CephProcesses
    from tests.parts.ceph import has_ceph
    from tests.parts.swift import SwiftProcess

    (folder / "server").mkdir()
    server = (CephProcesses if has_ceph() else SwiftProcess)(folder / "server")
    try:
        server.client.create_bucket(Bucket=BUCKET)
        disk = server.disk(BUCKET)
        yield {"name": server.name, "disk": disk}
    finally:
        server.stop()


def _write_file(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(SIZE):
            file.write(os.urandom(MIB))


def _in_a_process(case: str, server: dict[str, Any], folder: str) -> Figures:
    command = [sys.executable, "-m", "benchmarks.storage", "--case", case, json.dumps(server)]
    command += [folder, *sys.argv[1:]]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    figures: Figures = json.loads(output)
    return figures


def _medians(rounds: list[Figures]) -> Figures:
    """Of the waits, the median of each round's longest."""
    return {name: round(median(each[name] for each in rounds), 1) for name in rounds[0]}


def _print(figures: dict[str, Figures], server: str) -> None:
    print(f"{SIZE} MiB to and from {server}: MiB/s, longest wait in ms by the clock, others aside,")
    print("growth in MiB\n")
    print(f"{'':36}{'upload':>30}{'download':>32}")
    for case, found in figures.items():
        cells = [found[f"{way} {what}"] for way in ("upload", "download") for what in _WHAT]
        print(f"{case:36}" + "".join(f"{cell:8.0f}" for cell in cells))


_WHAT = ("speed", "wait", "stall", "growth")


# --- In the process of a case ---


def _measure(case: str, server: dict[str, Any], folder: Path) -> Figures:
    patched = case != THREADS
    if patched:
        from gevent import monkey

        monkey.patch_all()
    upload, download = _ways(case, server["disk"], folder)
    found = {}
    for way, run in (("upload", upload), ("download", download)):
        before = _peak()
        started = time.perf_counter()
        wait, stall = _longest_waits(run) if patched else run() or (0.0, 0.0)
        seconds = time.perf_counter() - started
        found |= {
            f"{way} speed": SIZE / seconds,
            f"{way} wait": wait * 1000,
            f"{way} stall": stall * 1000,
            f"{way} growth": _peak() - before,
        }
    return found


def _ways(
    case: str, options: dict[str, Any], folder: Path
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    if case in (OURS, LOCAL):
        local = {"driver": "local", "root": str(folder / "disk")}
        return _ours(local if case == LOCAL else options, folder / "large")
    return _boto3(options, folder / "large", use_threads=case == THREADS)


def _ours(options: dict[str, Any], file: Path) -> tuple[Callable[[], Any], Callable[[], Any]]:
    from flask import Flask

    from flask_rf import Storage

    disk = Storage(Flask("bench"), disks={"files": options}).disk()
    disk.put("small", b"tea")

    def upload() -> None:
        with file.open("rb") as source:
            disk.put("large", source)

    def download() -> None:
        sink = _Sink()
        with disk.read_stream("large") as stream:
            for piece in stream:
                sink.write(piece)
        assert sink.size == SIZE * MIB
        disk.delete("large")

    return upload, download


def _boto3(
    options: dict[str, Any], file: Path, use_threads: bool
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    import boto3
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    client = boto3.session.Session().client(
        "s3",
        endpoint_url=options["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=options["key"],
        aws_secret_access_key=options["secret"],
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    client.put_object(Bucket=BUCKET, Key="small", Body=b"tea")
    config = TransferConfig(use_threads=use_threads)

    def upload() -> None:
        with file.open("rb") as source:
            client.upload_fileobj(source, BUCKET, "large", Config=config)

    def download() -> None:
        sink = _Sink()
        client.download_fileobj(BUCKET, "large", sink, Config=config)
        assert sink.size == SIZE * MIB
        client.delete_object(Bucket=BUCKET, Key="large")

    return upload, download


class _Sink(io.RawIOBase):
    """Takes bytes and keeps none, so that no disk of the benchmark's own counts."""

    size = 0

    def seekable(self) -> bool:
        return True  # boto3's threads, which write in any order, may never end otherwise

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def tell(self) -> int:
        return 0

    def write(self, piece: Any) -> int:
        self.size += len(piece)
        return len(piece)


def _longest_waits(run: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by which a greenlet that sleeps was woken too late, at the worst.

    :returns: by the clock, and without the time in which the machine ran others.
    """
    import gevent

    waits: list[tuple[float, float]] = []

    def sleep() -> None:
        now, own = _clocks()
        while True:
            before, own_before = now, own
            gevent.sleep(0.001)
            now, own = _clocks()
            waits.append((now - before - 0.001, own - own_before - 0.001))

    sleeper = gevent.spawn(sleep)
    gevent.sleep(0.05)
    waits.clear()
    gevent.spawn(run).get()
    sleeper.kill()
    return max(wait for wait, _ in waits), max(own for _, own in waits)


def _clocks() -> tuple[float, float]:
    """Seconds by the clock, and without those in which this thread waited for a processor."""
    with open("/proc/thread-self/schedstat", "rb", buffering=0) as status:
        waited = int(status.read().split()[1]) / 1e9
    now = time.perf_counter()
    return now, now - waited


def _peak() -> float:
    """MiB this process has held at the most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
