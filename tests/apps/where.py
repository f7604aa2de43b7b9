"""An app that says where it is."""

from __future__ import annotations

from flask import Flask
from flask import request

from flask_rf import RF

app = Flask("where")
app.secret_key = "where it is"
RF(app)


@app.get("/tea")
@app.get("/tea/<path>")
def where(path: str = "") -> dict[str, object]:
    return {"url": request.url, "secure": request.is_secure, "path": path}
