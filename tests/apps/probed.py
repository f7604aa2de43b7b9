"""An app whose check ends once a crowd of probes has come, ``CROWD`` of them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from flask import Flask

from flask_rf import Health
from flask_rf.eventloop import runs_greenlets

CROWD = int(os.environ["CROWD"])

app = Flask("shop")
health = Health(app)
probes: list[str] = []
runs: Counter[str] = Counter()
served = app.wsgi_app


def counting(environ: Any, start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/health":
        probes.append("come")
    return served(environ, start_response)


app.wsgi_app = counting  # type: ignore[method-assign]


@health.check("crowd")
def crowd() -> None:
    runs["crowd"] += 1
    while len(probes) < CROWD:
        time.sleep(0.01)


@health.check("quick")
def quick() -> None:
    runs["quick"] += 1


@health.check("hung", critical=False, timeout=0.1)
def hung() -> None:
    runs["hung"] += 1
    time.sleep(3600)


@app.get("/runs")
def counted() -> dict[str, Any]:
    return {"runs": runs, "greenlets": runs_greenlets()}
