"""An app whose limits several workers share; the environment names the Redis."""

from __future__ import annotations

import os

from flask import Flask

from flask_rf import Limiter

app = Flask("shop")
limiter = Limiter(app)


@app.get("/orders")
@limiter.limit("20/hour")
def orders() -> str:
    return str(os.getpid())
