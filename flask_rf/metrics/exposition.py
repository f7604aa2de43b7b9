"""The text that Prometheus reads: of this process, or of all that share a directory of files."""

from __future__ import annotations

import importlib
import os
import struct
import time
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

from ..eventloop import off_the_loop
from ..metric_files import DIRECTORY
from ..metric_files import locked
from .archive import compact
from .archive import values_in
from .families import is_shared
from .families import prometheus

_ATTEMPTS = 5


class Exposition(NamedTuple):
    """What is answered to a scrape."""

    content_type: str
    body: bytes


class _Format(NamedTuple):
    module: str
    content_type: str


_PLAIN = _Format("prometheus_client.exposition", "text/plain; version=0.0.4; charset=utf-8")
_OPENMETRICS = _Format(
    "prometheus_client.openmetrics.exposition",
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
)


def expose(accept: str = "", names: Collection[str] = ()) -> Exposition:
    """All metrics, in the OpenMetrics format where that is asked for, else in Prometheus's.

    :param accept: the header of the request.
    :param names: restrict it to series of these names; none for all.
    :raises Busy: somebody changes the files for too long.
    """
    # Not by prometheus-client's own choice: there the header says how names are escaped.
    form = _OPENMETRICS if "application/openmetrics-text" in accept else _PLAIN
    if not is_shared():
        # In this thread, since prometheus-client's locks may be greenlets'.
        return _written(prometheus().REGISTRY, form, names)
    folder = Path(os.environ[DIRECTORY])
    with locked(folder):
        compact(folder)
        # Thousands of series take long to read, and nothing of this process is touched.
        return off_the_loop(_written, _Files(folder), form, names)


def _written(source: Any, form: _Format, names: Collection[str]) -> Exposition:
    module = importlib.import_module(form.module)
    chosen = _Named(source, frozenset(names)) if names else source
    return Exposition(form.content_type, module.generate_latest(chosen))


class _Files:
    """Collects what the processes of a directory have written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Any:
        from prometheus_client.multiprocess import MultiProcessCollector

        for _ in range(_ATTEMPTS):
            try:
                return MultiProcessCollector.merge(map(str, self._folder.glob("*.db")))
            except (struct.error, RuntimeError):
                time.sleep(0.01)  # a process is making its file at this very moment
        whole = [str(file) for file in self._folder.glob("*.db") if values_in(file) is not None]
        return MultiProcessCollector.merge(whole)


class _Named:
    """Collects the series of some names."""

    def __init__(self, source: Any, names: frozenset[str]) -> None:
        self._source = source
        self._names = names

    def collect(self) -> Iterator[Any]:
        for metric in self._source.collect():
            metric.samples = [s for s in metric.samples if s.name in self._names]
            if metric.samples:
                yield metric
