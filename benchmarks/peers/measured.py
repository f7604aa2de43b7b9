"""An app with metrics and one page."""

from flask import Flask

from flask_rf import Metrics

app = Flask(__name__)
Metrics(app)


@app.get("/")
def index() -> dict[str, int]:
    return {"id": 7}
