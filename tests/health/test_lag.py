from __future__ import annotations

import json
import subprocess
import sys

import pytest

from flask_rf.health import LagCheck

_HELD_LOOP = """
from gevent import monkey; monkey.patch_all()
import gevent, json, time
from flask import Flask
from flask_rf import Health

def hold():
    native = monkey.get_original("time", "sleep")
    while True:
        native(0.05)
        gevent.sleep(0)

app = Flask("shop")
Health(app, details="always", lag_warn=0.03, lag_fail=30, timeout=60, total_timeout=60)
holding = gevent.spawn(hold)
print(app.test_client().get("/health").text)
"""


def run(program: str) -> dict[str, list[dict[str, object]]]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    checks: dict[str, list[dict[str, object]]] = json.loads(done.stdout)["checks"]
    return checks


@pytest.mark.unpatched
def test_rule_20_a_held_loop_is_a_warning() -> None:
    lag = run(_HELD_LOOP)["event loop"][0]
    assert lag["status"] == "warn"
    assert lag["observedValue"] >= 30  # type: ignore[operator]
    assert lag["observedUnit"] == "ms"


@pytest.mark.unpatched
def test_rule_20_without_gevent_there_is_no_loop_to_check() -> None:
    unpatched = _HELD_LOOP.replace("monkey.patch_all()", "pass")
    assert "event loop" not in run(unpatched)


def test_a_loop_that_is_free_passes() -> None:
    assert LagCheck(30, 60)().status == "pass"
