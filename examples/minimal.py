"""The smallest app: open the page, then ``curl -X POST localhost:5000/hello/world``."""

from flask import Flask

from flask_rf import RF

app = Flask(__name__)
rf = RF(app)


@app.get("/")
def page():
    return """<!doctype html><title>Hello</title><body>
    <script src="/broadcasting/rf.js"></script>
    <script>
      new RF().channel("hello").listen("said", ({name}) => document.body.append(name, " "));
    </script>"""


@app.post("/hello/<name>")
@rf.limiter.limit("60/minute")
def hello(name):
    rf.broadcast.to("hello").send("said", {"name": name})
    return "", 204
