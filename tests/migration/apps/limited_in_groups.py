"""An app as its users write it for Flask-Limiter, with terms for all limits of a group."""

from flask import Flask
from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

app = Flask("in groups")
limiter = Limiter(
    get_remote_address,
    app=app,
    default_limits=["6/minute", lambda: "40/hour"],
    default_limits_per_method=True,
    default_limits_exempt_when=lambda: "X-Robot" in request.headers,
    default_limits_deduct_when=lambda response: response.status_code != 304,
    default_limits_cost=2,
    application_limits=["15/hour"],
    application_limits_per_method=True,
    application_limits_exempt_when=lambda: "X-Monitor" in request.headers,
    application_limits_deduct_when=lambda response: response.status_code != 404,
    application_limits_cost=lambda: 3 if request.path == "/dear" else 1,
    headers_enabled=True,
    storage_uri="memory://",
    strategy="moving-window",
)


@app.route("/things", methods=["GET", "POST"])
def things():
    return "", int(request.args.get("status", 200))


@app.get("/dear")
@limiter.limit("10/minute")
def dear():
    return "dear"


@app.errorhandler(429)
def too_many(error):
    return "too many", 429


GROUPS = {"X-Robot": "1", "X-Monitor": "1"}

ASKED = [
    *[("GET", "/things?status=304", {})] * 4,
    *[("GET", "/things?status=404", {})] * 2,
    ("GET", "/things", {}),
    ("GET", "/things", {}),
    ("GET", "/things", {"headers": {"X-Robot": "1"}}),
    *[("POST", "/things", {})] * 4,
    *[("GET", "/dear", {})] * 3,
    *[("GET", "/dear", {"headers": {"X-Monitor": "1"}})] * 2,
    *[("GET", "/dear", {})] * 2,
    *[("GET", "/things", {"headers": GROUPS})] * 9,
]
COMPARED = ()
