"""An app with everything on, and counters of its own, as test_gunicorn of metrics measures it."""

from __future__ import annotations

import os

from flask import Flask

from flask_rf import RF

app = Flask("measured")
app.config["SECRET_KEY"] = "a secret of the tests"
rf = RF(app)
orders = rf.metrics.counter("orders_total", "Orders taken.", ["country"])
stock = rf.metrics.gauge("stock_items", "Items in stock.")
highest = rf.metrics.gauge("highest_order_euros", "The highest order.", workers="max")


@app.post("/orders/<country>/<int:euros>")
def order(country: str, euros: int) -> str:
    orders.labels(country).inc()
    highest.set(euros)
    stock.set(1)
    return str(os.getpid())


@app.get("/limited")
@rf.limiter.limit("2/hour")
def limited() -> str:
    return ""


@app.post("/send/<channel>")
def send(channel: str) -> str:
    rf.broadcast.to(channel).send("message", {})
    return ""
