"""The parts the tests stand on: they leave nothing behind, and do not get in each other's way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import ROOT

pytestmark = pytest.mark.servers


def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    program = "import time; time.sleep(600)"
    process = Process([sys.executable, "-c", program], tmp_path / "mute.log")
    with pytest.raises(AssertionError, match="the start of mute"):
        process.await_start(lambda: False, timeout=0.1)
    assert not process.alive


def test_a_server_that_ends_shows_its_log(tmp_path: Path) -> None:
    program = "raise SystemExit('no such setting')"
    process = Process([sys.executable, "-c", program], tmp_path / "brief.log")
    with pytest.raises(AssertionError, match="brief ended:\nno such setting"):
        process.await_start(lambda: False)


def test_runs_of_the_tests_beside_each_other_have_no_port_in_common() -> None:
    ours = {free_port() for _ in range(150)}
    program = "from tests.parts.processes import free_port as f; print([f() for _ in range(5000)])"
    theirs = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT)
    assert ours.isdisjoint(json.loads(theirs))
