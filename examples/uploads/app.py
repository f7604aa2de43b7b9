"""Files straight from the browser to the disk: this machine's, or a bucket of S3.

    flask --app examples/uploads/app run

    export STORAGE_S3_BUCKET=… STORAGE_S3_ENDPOINT=… STORAGE_S3_KEY=… STORAGE_S3_SECRET=…
    flask --app examples/uploads/app run

The page is the same. With S3 the app only signs: no byte of a file passes through it. There the
bucket needs a CORS rule that lets this page's origin PUT and POST; see docs/storage.rst.
"""

import os
import secrets
from urllib.parse import urlsplit

from flask import abort
from flask import Flask
from flask import render_template
from flask import request
from flask import Response

from flask_rf import RF
from flask_rf import StorageError
from flask_rf.storage import InvalidPath

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
    return [described(path) for path in files.all_files()]


@app.post("/files")
@rf.limiter.limit("60/minute")
def signed():
    """Leave to upload one file, of exactly this type and size."""
    wanted = request.get_json()
    name, size = str(wanted["name"]), wanted["size"]
    if not isinstance(size, int) or not 0 <= size <= MAX_BYTES:
        abort(413)
    # A folder of its own: nobody guesses the path, or writes over somebody else's file.
    path = f"{secrets.token_hex(8)}/{name.replace('/', '_')}"
    kind = wanted["type"] or "application/octet-stream"
    return {"path": path, **files.temporary_upload_url(path, LIFETIME, kind, size=size)}


@app.post("/files/complete")
def completed():
    """Put the parts of a large file together."""
    upload = request.get_json()
    files.complete_upload(upload["path"], upload["upload_id"], upload["size"])
    return "", 204


@app.delete("/files/<path:path>")
def deleted(path):
    files.delete(path)
    return "", 204


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


@app.errorhandler(InvalidPath)
def not_a_name(error):
    return {"error": f"A file cannot be named like this: {error.reason}."}, 422


@app.errorhandler(StorageError)
def not_stored(error):
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
