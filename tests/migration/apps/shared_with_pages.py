"""An app as its users write it for Flask-Cors."""

from flask import Flask
from flask_cors import CORS
from flask_cors import cross_origin

app = Flask("shared")
CORS(
    app,
    origins=["https://app.example.com"],
    methods=["GET", "HEAD", "POST", "PUT"],
    allow_headers=["Content-Type"],
    supports_credentials=True,
    max_age=600,
)


@app.route("/orders", methods=["GET", "PUT"])
def orders():
    return {"orders": [7]}


@app.get("/prices")
@cross_origin(origins="https://partner.example", supports_credentials=False)
def prices():
    return {"tea": 3}


def preflight(origin, method, headers=None):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return {"headers": asked}


APP, STRANGER = "https://app.example.com", "https://evil.example"
ASKED = [
    ("GET", "/orders", {"headers": {"Origin": APP}}),
    ("GET", "/orders", {"headers": {"Origin": STRANGER}}),
    ("GET", "/prices", {"headers": {"Origin": "https://partner.example"}}),
    ("GET", "/prices", {"headers": {"Origin": STRANGER}}),
    ("GET", "/missing", {"headers": {"Origin": APP}}),
]
COMPARED = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")
#: Browsers look at these headers; one answers with 200, the other with 204.
PREFLIGHTS = [
    ("/orders", preflight(APP, "PUT", "Content-Type")),
    ("/orders", preflight(APP, "PUT")),
    ("/orders", preflight(APP, "DELETE")),
    ("/orders", preflight(STRANGER, "PUT")),
]
