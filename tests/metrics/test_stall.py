"""How late gevent's loop runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.parts.processes import ROOT

pytestmark = pytest.mark.unpatched

_HELD_LOOP = """
from gevent import monkey; monkey.patch_all()
import gevent, time
from flask import Flask
from flask_rf import Metrics
from prometheus_client import REGISTRY

native = monkey.get_original("time", "sleep")
app = Flask("shop")
app.add_url_rule("/", view_func=lambda: "")
Metrics(app)
app.test_client().get("/")
deadline = time.monotonic() + 20
value = REGISTRY.get_sample_value
name = "flask_rf_hub_stall_seconds"
while time.monotonic() < deadline:
    gevent.sleep(0.001)
    native(0.3)
    if value(name + "_count") and value(name + "_sum") / value(name + "_count") > 0.05:
        break
print(value(name + "_count") > 0, value(name + "_sum") > 0.05)
"""


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_held_loop_is_measured_from_the_first_request_on() -> None:
    assert run(_HELD_LOOP) == "True True\n"


def test_without_gevent_there_is_no_loop_to_measure() -> None:
    program = """
import time
from flask import Flask
from flask_rf import Metrics
from prometheus_client import REGISTRY
app = Flask("shop"); Metrics(app)
app.test_client().get("/").close()
time.sleep(0.35)
print(REGISTRY.get_sample_value("flask_rf_hub_stall_seconds_count"))
"""
    assert run(program) == "0.0\n"
