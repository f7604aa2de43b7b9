"""An app with everything on that answers with a little JSON."""

from flask import Flask

from flask_rf import RF

app = Flask(__name__)
app.config.update(CORS_ORIGINS="https://shop.example", SECRET_KEY="a secret of the benchmark")
rf = RF(app)


@app.get("/")
def small():
    return {"items": ["tea", "milk", "bread"], "total": 3}
