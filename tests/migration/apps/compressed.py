"""An app as its users write it for Flask-Compress."""

from flask import Flask
from flask import Response
from flask_compress import Compress

app = Flask("compressed")
app.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
app.config["COMPRESS_MIN_SIZE"] = 100
app.config["COMPRESS_MIMETYPES"] = ["text/html", "application/json"]
compress = Compress()
compress.init_app(app)


@app.get("/list")
def listed():
    return {"items": ["tea"] * 100}


@app.get("/short")
def short():
    return "short"


@app.get("/picture")
def picture():
    return Response(b"x" * 1000, mimetype="image/png")


@app.get("/marked")
@compress.compressed()
def marked():
    return "one line that repeats itself\n" * 50


@app.get("/stream")
def stream():
    return Response((f"<p>{n}</p>" for n in range(200)), mimetype="text/html")


ASKED = [
    (method, path, {"headers": {"Accept-Encoding": accepted} if accepted else {}})
    for path in ("/list", "/short", "/picture", "/marked", "/stream")
    for method in ("GET", "HEAD")
    for accepted in ("gzip", "br", "br, gzip", "gzip;q=1, br;q=0.5", "identity", "")
    if not (path == "/stream" and (method == "HEAD" or "gzip" in accepted))
]
COMPARED = ("Content-Encoding", "Content-Type")
