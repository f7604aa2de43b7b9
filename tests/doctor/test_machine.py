from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flask_rf.doctor import machine
from flask_rf.doctor.facts import GunicornFacts
from flask_rf.doctor.facts import MachineFacts
from flask_rf.doctor.findings import judged
from tests.doctor.sites import record
from tests.doctor.sites import sites


def running(*arguments: str, source: str | None = "") -> tuple[GunicornFacts, ...]:
    return (GunicornFacts(7, ("python", "gunicorn", *arguments, "app:app"), source),)


OURS = ("-c", "python:flask_rf.gunicorn")
GOOD = MachineFacts(
    open_files=65_536,
    sockets=20_000,
    backlog=4096,
    cpus=2,
    workers=2,
    gunicorns=running(*OURS),
)


def changed(**changes: Any) -> MachineFacts:
    return dataclasses.replace(GOOD, **changes)


CASES = [
    (changed(open_files=1024), "hurts", "1,024"),
    (changed(open_files=8192), "advice", "20,000 sockets"),
    (changed(backlog=128), "advice", "somaxconn"),
    (changed(workers=9), "advice", "WEB_CONCURRENCY"),
    (changed(shared_memory=False), "advice", "/dev/shm"),
    (changed(missing=("gunicorn", "psutil")), "advice", "gunicorn, psutil"),
    (changed(gunicorns=running()), "hurts", "sync workers"),
    (changed(gunicorns=running("--worker-class=sync", *OURS)), "hurts", "sync workers"),
    (changed(gunicorns=running("-k", "gevent")), "advice", "cut off"),
    (changed(gunicorns=running(source="worker_class = 'sync'")), "hurts", "sync workers"),
    (changed(gunicorns=running(source="worker_class = 'gevent'")), "advice", "cut off"),
    (changed(gunicorns=running("-c", "mine.py", source=None)), "advice", "cannot be read"),
    (changed(gunicorns=running(), sockets=None), "advice", "python:flask_rf.gunicorn"),
]


@pytest.mark.parametrize(("facts", "severity", "words"), CASES, ids=lambda case: str(case)[:30])
def test_what_is_wrong_with_a_machine_is_the_only_thing_said_against_it(
    facts: MachineFacts, severity: str, words: str
) -> None:
    (finding,) = [f for f in judged(facts, machine.JUDGES) if f.severity != "fine"]
    assert finding.severity == severity
    assert words in f"{finding.says} {finding.mend}"
    assert finding.mend


@pytest.mark.parametrize(
    "facts",
    [
        GOOD,
        changed(open_files=None),
        changed(open_files=4096, sockets=None),
        changed(backlog=None),
        changed(gunicorns=()),
        changed(gunicorns=running("--worker-class", "gthread", *OURS)),
        changed(gunicorns=running("-c", "mine.py", source="from flask_rf.gunicorn import *")),
    ],
)
def test_a_machine_may_be_good_in_several_ways(facts: MachineFacts) -> None:
    assert {finding.severity for finding in judged(facts, machine.JUDGES)} == {"fine"}


def test_every_finding_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    met = record(machine, monkeypatch)
    for facts in (GOOD, changed(open_files=None), *(case[0] for case in CASES)):
        list(judged(facts, machine.JUDGES))
    assert met == sites(machine)
