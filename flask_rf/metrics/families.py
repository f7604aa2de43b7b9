"""The process's metric families, each made once by its name, however many apps count in it.

They live in prometheus-client's own registry, beside those of other libraries. Its mode is
chosen when it is first imported: with ``PROMETHEUS_MULTIPROC_DIR`` in the environment, values
are kept in files by which several processes are read as one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Sequence
from threading import Lock
from typing import Any

from ..errors import ConfigurationError
from ..errors import SetupError
from ..metric_files import DIRECTORY

#: Stands for all further values of a label that has as many as it may.
OTHER = "__other__"

_PACKAGE = "prometheus_client"
_WORD = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

_families: dict[str, tuple[tuple[Any, ...], Any]] = {}
_lock = Lock()


def is_installed() -> bool:
    return importlib.util.find_spec(_PACKAGE) is not None


def prometheus() -> Any:
    """prometheus-client.

    :raises SetupError: it is not installed.
    :raises ConfigurationError: its files cannot be written.
    """
    if not is_installed():
        raise SetupError("metrics need prometheus-client: pip install 'flask-rf[metrics]'")
    folder = os.environ.get(DIRECTORY)
    if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
        remedy = "name a directory that this process can write to, or unset it"
        raise ConfigurationError(DIRECTORY, folder, remedy, "environment")
    return importlib.import_module(_PACKAGE)


def is_shared() -> bool:
    """Whether the values of this process are read together with those of others."""
    values = importlib.import_module(f"{_PACKAGE}.values")
    return bool(values.ValueClass._multiprocess)


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Any:
    return _family("Counter", name, documentation, labels)


def gauge(name: str, documentation: str, labels: Sequence[str] = (), *, workers: str) -> Any:
    """:param workers: how those of several processes become one, by prometheus-client's names."""
    return _family("Gauge", name, documentation, labels, multiprocess_mode=workers)


def histogram(
    name: str, documentation: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = ()
) -> Any:
    """:param buckets: upper bounds in ascending order; prometheus-client's if empty."""
    further = {"buckets": tuple(buckets)} if buckets else {}
    return _family("Histogram", name, documentation, labels, **further)


def _family(kind: str, name: str, documentation: str, labels: Sequence[str], **further: Any) -> Any:
    library = prometheus()
    for word in (name, *labels):
        # Wider than Prometheus before 3 reads them, prometheus-client takes any text.
        if not _WORD.fullmatch(word):
            remedy = "write letters, digits and underscores, like orders_total"
            raise ConfigurationError("name", word, remedy)
    terms = (kind, tuple(labels), further)
    with _lock:
        if name not in _families:
            _families[name] = terms, _made(library, kind, name, documentation, labels, further)
        known, family = _families[name]
    if known != terms:
        raise ConfigurationError(
            "name", name, f"there is a {known[0].lower()} of this name with other terms"
        )
    return family


def _made(
    library: Any,
    kind: str,
    name: str,
    documentation: str,
    labels: Sequence[str],
    further: dict[str, Any],
) -> Any:
    try:
        return getattr(library, kind)(name, documentation, labels, **further)
    except ValueError as error:
        raise ConfigurationError("name", name, str(error)) from None


class Children:
    """The children of a family by their label values, each bound once.

    A look-up through prometheus-client takes longer than what is done with the child.

    :param free: position of the label whose values nobody bounds.
    :param most: children that are told apart; beyond them that label says :data:`OTHER`.
    """

    def __init__(self, family: Any, free: int = 0, most: int = 1000) -> None:
        self._family = family
        self._free = free
        self._most = most
        self._bound: dict[tuple[str, ...], Any] = {}

    def of(self, *values: str) -> Any:
        found = self._bound.get(values)
        return self._bind(values) if found is None else found

    def _bind(self, values: tuple[str, ...]) -> Any:
        if len(self._bound) >= self._most:
            values = (*values[: self._free], OTHER, *values[self._free + 1 :])
        child = self._bound[values] = self._family.labels(*values)
        return child
