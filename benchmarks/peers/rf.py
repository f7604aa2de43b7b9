"""flask_rf with everything on."""

from __future__ import annotations

from flask import Flask

from flask_rf import RF

app = Flask("bench")
app.config.update(SECRET_KEY="bench", BROADCAST_MAX_EVENT=200_000)
rf = RF(app)


@app.get("/plain")
def plain() -> str:
    return "ok"
