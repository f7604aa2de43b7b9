"""Files straight from the browser to the disk: this machine's, or a bucket of S3.

    flask --app examples/uploads/app run

    export STORAGE_S3_BUCKET=… STORAGE_S3_ENDPOINT=… STORAGE_S3_KEY=… STORAGE_S3_SECRET=…
    flask --app examples/uploads/app run

The page is the same. With S3 the app only signs: no byte of a file passes through it. There the
bucket needs a CORS rule that lets this page's origin PUT and POST; see docs/storage.rst.
"""

import os
import secrets
from contextlib import suppress
from urllib.parse import urlsplit

from flask import abort
from flask import Flask
from flask import render_template
from flask import request
from flask import Response

from flask_rf import RF
from flask_rf import StorageError
from flask_rf.storage import InvalidPath
from flask_rf.storage import NotFound

MAX_BYTES = 2 * 1024**3
LIFETIME = 3600  # seconds for which what is signed is good

app = Flask(__name__)
# All workers sign URLs with one key: set your own in production.
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "for development only")
rf = RF(app)
files = rf.storage.disk().scoped("uploads")


@app.get("/")
def page():
    return render_template("uploads.html")


@app.get("/files")
def listed():
    found = []
    for path in files.all_files():
        with suppress(NotFound):  # somebody deletes it meanwhile
            found.append(described(path))
    return found


@app.post("/files")
@rf.limiter.limit("60/minute")
def signed():
    """Leave to upload one file, of exactly this type and size."""
    name, kind, size = asked(name=str, type=str, size=int)
    if not 0 <= size <= MAX_BYTES:
        abort(413)
    # A folder of its own: nobody guesses the path, or writes over somebody else's file.
    path = f"{secrets.token_hex(8)}/{name.replace('/', '_')}"
    kind = kind or "application/octet-stream"
    if kind == "text/plain":  # without a charset browsers take windows-1252
        kind += "; charset=utf-8"
    try:
        return {"path": path, **files.temporary_upload_url(path, LIFETIME, kind, size=size)}
    except InvalidPath as error:
        return {"error": f"A file cannot be named like this: {error.reason}."}, 422
    except ValueError as error:
        return {"error": f"This cannot be uploaded: {error}."}, 422


@app.post("/files/complete")
def completed():
    """Put the parts of a large file together."""
    files.complete_upload(*asked(path=str, upload_id=str, size=int))
    return "", 204


@app.delete("/files/<path:path>")
def deleted(path):
    files.delete(path)
    return "", 204


def asked(**fields):
    """These fields of the request's JSON, each of its type."""
    sent = request.get_json()
    told = sent if isinstance(sent, dict) else {}
    if any(type(told.get(name)) is not kind for name, kind in fields.items()):
        abort(422)
    return [told[name] for name in fields]


def described(path):
    info = files.info(path)
    name = path.rpartition("/")[2]
    return {
        "path": path,
        "name": name,
        "size": info.size,
        "at": info.last_modified.timestamp(),
        "url": files.temporary_url(path, LIFETIME),
        "download": files.temporary_url(path, LIFETIME, name=name),
        "picture": info.content_type.startswith("image/"),
    }


@app.errorhandler(StorageError)
def not_stored(error):
    if error.status < 500:
        return {"error": f"It cannot be done: {error.reason}."}, error.status
    app.logger.error("%s", error)
    return {"error": "The disk does not answer. Try again in a minute."}, 503


@app.after_request
def only_our_own(response: Response) -> Response:
    """Pages may speak to this server, and to the bucket if there is one."""
    disk = urlsplit(files.temporary_url("any", 60))
    bucket = f" {disk.scheme}://{disk.netloc}" if disk.netloc else ""
    policy = f"default-src 'self'{bucket}; frame-ancestors 'none'"
    response.headers.setdefault("Content-Security-Policy", policy)
    return response
