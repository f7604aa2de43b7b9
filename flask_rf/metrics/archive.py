"""Merges the files of dead processes into one archive of each kind, so that they never pile up."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..metric_files import ARCHIVE
from ..metric_files import DEAD

logger = logging.getLogger("flask_rf")

_UNFINISHED = ".unfinished"
_MERGED = ".merged"


class Value(NamedTuple):
    """What a file holds for one key.

    :param time: Unix time in seconds at which it was set; 0 where that does not matter.
    """

    number: float
    time: float


Merge = Callable[[Value, Value], Value]


def _sum(a: Value, b: Value) -> Value:
    return Value(a.number + b.number, 0.0)


#: How two processes' values become one. Those kept by process id, which would never end, do not.
_MERGES: Mapping[str, Merge] = {
    "counter": _sum,
    "histogram": _sum,
    "summary": _sum,
    "gauge_sum": _sum,
    "gauge_min": min,
    "gauge_max": max,
    "gauge_mostrecent": lambda a, b: max(a, b, key=lambda value: value.time),
}


def compact(folder: Path) -> None:
    """Merge what is marked dead. What is read of the directory stays the same.

    Whoever calls it holds the directory's lock.
    """
    for merged in folder.glob(f"*{_MERGED}"):
        _remove(merged)
    by_kind: dict[str, list[Path]] = {}
    for file in folder.glob(f"*{DEAD}*.db"):
        kind = file.name.partition(DEAD)[0].rpartition("_")[0]
        by_kind.setdefault(kind, []).append(file)
    for kind, files in by_kind.items():
        if kind in _MERGES:
            _archive(folder / f"{kind}_{ARCHIVE}.db", files, _MERGES[kind])
        else:
            for file in files:
                file.unlink()


def _archive(archive: Path, files: Collection[Path], merge: Merge) -> None:
    totals = (values_in(archive) if archive.exists() else None) or {}
    for file in files:
        for key, value in (values_in(file) or {}).items():
            totals[key] = merge(totals[key], value) if key in totals else value
    # Aside, so that a process killed here leaves the old archive and the dead ones' files.
    unfinished, merged = archive.with_suffix(_UNFINISHED), archive.with_suffix(_MERGED)
    _write(unfinished, totals)
    # And one killed after the next step leaves word of what is in the archive already.
    merged.write_text("\n".join(file.name for file in files))
    os.replace(unfinished, archive)
    _remove(merged)


def _remove(merged: Path) -> None:
    """Remove the files that an archive holds, unless it was not put in its place."""
    if not merged.with_suffix(_UNFINISHED).exists():
        for name in merged.read_text().splitlines():
            merged.with_name(name).unlink(missing_ok=True)
    merged.unlink()


def values_in(file: Path) -> dict[str, Value] | None:
    """What a process has written; None, with a warning, if it was killed while it made the file."""
    from prometheus_client.mmap_dict import MmapedDict

    try:
        values = MmapedDict.read_all_values_from_file(str(file))
        return {key: Value(number, time) for key, number, time, _ in values}
    except (struct.error, RuntimeError) as error:
        logger.warning("the metrics in %s are lost: %s", file, error)
        return None


def _write(file: Path, values: Mapping[str, Value]) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    file.unlink(missing_ok=True)
    written = MmapedDict(str(file))
    for key, value in values.items():
        written.write_value(key, value.number, value.time)
    written.close()
