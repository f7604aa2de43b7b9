"""An app as its users write it for Flask-Limiter."""

from flask import Blueprint
from flask import Flask
from flask import request
from flask_limiter import Limiter
from flask_limiter import RateLimitExceeded
from flask_limiter.util import get_remote_address

app = Flask("limited")
limiter = Limiter(
    get_remote_address,
    app=app,
    default_limits=["5 per minute"],
    application_limits=["40/hour"],
    storage_uri="memory://",
    storage_options={},
    strategy="moving-window",
    headers_enabled=True,
    in_memory_fallback_enabled=True,
    swallow_errors=True,
    fail_on_first_breach=True,
    retry_after="delta-seconds",
    key_prefix="",
    default_limits_per_method=True,
    default_limits_exempt_when=lambda: "X-Robot" in request.headers,
)
api = Blueprint("api", __name__, url_prefix="/api")
limiter.limit("3/minute")(api)
search = limiter.shared_limit("2/minute", scope="search")


@app.get("/")
def home():
    return "home"


@app.get("/slow")
@limiter.limit("1/minute", error_message="Slowly.")
def slow():
    return "slow"


@app.get("/free")
@limiter.exempt
def free():
    return "free"


@app.post("/login")
@limiter.limit(
    "2/minute",
    key_func=lambda: request.form["user"],
    deduct_when=lambda response: response.status_code == 401,
)
def login():
    return ("", 204) if request.form["password"] == "sesame" else ("", 401)


@app.get("/pages")
@search
def pages():
    return "pages"


@app.get("/pictures")
@search
def pictures():
    return "pictures"


@app.get("/dear")
@limiter.limit("5/minute", cost=2)
def dear():
    return "dear"


@app.route("/things", methods=["GET", "POST"])
@limiter.limit("1/minute", per_method=True)
def things():
    return "things"


@app.get("/within")
@limiter.exempt
def within():
    with limiter.limit("1/minute", scope="within"):
        return "within"


@api.get("/first")
def first():
    return "first"


@limiter.request_filter
def staff():
    return request.headers.get("X-Staff") == "yes"


@app.errorhandler(RateLimitExceeded)
def refused(error):
    said = error.description if request.path == "/slow" else ""
    return {"said": said, "breached": limiter.current_limit.breached}, 429


app.register_blueprint(api)

ASKED = [
    *[("GET", "/", {})] * 7,
    *[("GET", "/", {"headers": {"X-Staff": "yes"}})] * 2,
    *[("GET", "/", {"headers": {"X-Robot": "yes"}})] * 2,
    *[("GET", "/slow", {})] * 2,
    *[("GET", "/free", {})] * 3,
    *[("POST", "/login", {"data": {"user": "ann", "password": "?"}})] * 3,
    *[("POST", "/login", {"data": {"user": "bob", "password": "sesame"}})] * 3,
    ("GET", "/pages", {}),
    *[("GET", "/pictures", {})] * 2,
    *[("GET", "/dear", {})] * 3,
    *[("GET", "/things", {}), ("POST", "/things", {})] * 2,
    *[("GET", "/within", {})] * 2,
    *[("GET", "/api/first", {})] * 4,
    *[("GET", "/", {"environ_base": {"REMOTE_ADDR": "203.0.113.7"}})] * 2,
    ("GET", "/missing", {}),
]
COMPARED = ("X-RateLimit-Limit", "X-RateLimit-Remaining")
NOT_COMPARED = {
    # What a response costs that is to be given back is still reserved when headers are written.
    ("/login", "X-RateLimit-Remaining"),
    # Limits of all requests hold for those that no route takes, too.
    *(("/missing", name) for name in COMPARED),
}
