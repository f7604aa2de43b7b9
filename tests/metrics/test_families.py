"""One family for each name in a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flask_rf import ConfigurationError
from flask_rf.metrics import families
from flask_rf.metrics.families import Children
from flask_rf.metrics.families import OTHER

pytestmark = pytest.mark.usefixtures("_forget_families")


def test_a_name_stands_for_one_family_in_a_process() -> None:
    assert families.counter("a_total", "A.") is families.counter("a_total", "A.")


def test_a_name_with_other_terms_is_refused() -> None:
    families.counter("a_total", "A.", ["x"])
    with pytest.raises(ConfigurationError, match="there is a counter of this name"):
        families.gauge("a_total", "A.", workers="livesum")
    with pytest.raises(ConfigurationError, match="with other terms"):
        families.counter("a_total", "A.", ["y"])


@pytest.mark.parametrize(
    ("name", "labels"),
    [("", ()), ("a b", ()), ("a_total", ["le gal"]), ("é", ()), ("python_info", ())],
)
def test_a_name_that_cannot_be_or_is_another_librarys_is_refused(
    name: str, labels: list[str]
) -> None:
    with pytest.raises(ConfigurationError, match="name="):
        families.counter(name, "A.", labels)


def test_buckets_out_of_order_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="sorted"):
        families.histogram("a_seconds", "A.", buckets=[2, 1])


def test_a_child_is_bound_once() -> None:
    children = Children(families.counter("a_total", "A.", ["x", "y"]))
    assert children.of("1", "2") is children.of("1", "2")
    assert children.of("1", "2") is not children.of("2", "1")


def test_a_label_of_too_many_values_says_so() -> None:
    family = families.counter("a_total", "A.", ["user", "outcome"])
    children = Children(family, free=0, most=3)
    for user in range(1000):
        children.of(str(user), "good").inc()
        children.of(str(user), "bad").inc()
    assert children.of("0", "good")._value.get() == 1
    assert children.of("77", "good") is children.of(OTHER, "good")
    assert family.labels(OTHER, "good")._value.get() == 998
    assert len(family._metrics) <= 3 + 2
    assert len(children._bound) <= 3 + 2


@pytest.mark.parametrize("folder", ["/no/such/folder", "/proc"])
def test_a_directory_nobody_can_write_to_is_refused(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", folder)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).exists() and path != "/proc")
    with pytest.raises(ConfigurationError, match="PROMETHEUS_MULTIPROC_DIR"):
        families.prometheus()


def test_in_one_process_values_are_its_own() -> None:
    assert families.is_shared() is False
