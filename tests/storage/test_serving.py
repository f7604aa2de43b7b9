"""Files over HTTP, of disks that have no URLs of their own."""

from __future__ import annotations

import io
import secrets
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_rf import ConfigurationError
from flask_rf import Storage
from flask_rf.storage import Disk
from flask_rf.storage import Unsupported


@pytest.fixture(params=["memory", "local"])
def disk(app: Flask, tmp_path: Path, request: pytest.FixtureRequest) -> Disk:
    root = {"root": str(tmp_path)} if request.param == "local" else {}
    options = {"driver": request.param, "serve": True, **root}
    hidden = {"driver": "memory"}
    return Storage(app, disks={"files": options, "hidden": hidden}).disk()


@pytest.fixture
def client(app: Flask, disk: Disk) -> FlaskClient:
    return app.test_client()


# --- Responses ---


@pytest.fixture
def page(app: Flask, disk: Disk, client: FlaskClient) -> FlaskClient:
    app.add_url_rule("/show/<path:path>", "show", disk.response)
    app.add_url_rule("/save/<path:path>", "save", lambda path: disk.download(path, "grüße.txt"))
    app.add_url_rule("/keep/<path:path>", "keep", disk.download)
    disk.put("a/letters.txt", b"abcdefghij")
    return client


def test_a_file_is_shown_safely(page: FlaskClient, disk: Disk) -> None:
    response = page.get("/show/a/letters.txt")
    assert (response.status_code, response.data) == (200, b"abcdefghij")
    headers = response.headers
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Length"] == "10"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox"
    assert headers["ETag"] == f'"{disk.info("a/letters.txt").etag}"'
    assert "Last-Modified" in headers
    assert "Content-Disposition" not in headers


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "feed.xml", "thing", "app.js"])
def test_what_could_act_is_saved_not_shown(page: FlaskClient, disk: Disk, name: str) -> None:
    disk.put(f"a/{name}", b"\x00<script>alert(1)</script>")
    response = page.get(f"/show/a/{name}")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_a_download_is_saved_under_a_name(page: FlaskClient) -> None:
    disposition = page.get("/save/a/letters.txt").headers["Content-Disposition"]
    assert disposition.endswith("filename*=UTF-8''gr%C3%BC%C3%9Fe.txt")
    kept = page.get("/keep/a/letters.txt").headers["Content-Disposition"]
    assert kept == 'attachment; filename="letters.txt"'


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, b"cde", "bytes 2-4/10"),
        ("bytes=7-", 206, b"hij", "bytes 7-9/10"),
        ("bytes=-2", 206, b"ij", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"ij", "bytes 8-9/10"),
        ("bytes=0-0", 206, b"a", "bytes 0-0/10"),
        ("bytes=-99", 206, b"abcdefghij", "bytes 0-9/10"),
        (f"bytes=-{'9' * 5000}", 200, b"abcdefghij", None),
        ("lines=1-2", 200, b"abcdefghij", None),
        ("bytes=0-1,3-4", 200, b"abcdefghij", None),
        ("nonsense", 200, b"abcdefghij", None),
    ],
)
def test_ranges_are_served(
    page: FlaskClient, asked: str, status: int, body: bytes, content_range: str | None
) -> None:
    response = page.get("/show/a/letters.txt", headers={"Range": asked})
    assert (response.status_code, response.data) == (status, body)
    assert response.headers.get("Content-Range") == content_range
    assert response.content_length == len(body)


def test_head_has_no_ranges(page: FlaskClient) -> None:
    response = page.head("/show/a/letters.txt", headers={"Range": "bytes=0-1"})
    assert (response.status_code, response.headers["Content-Length"]) == (200, "10")


@pytest.mark.parametrize("ranged", [{}, {"Range": "bytes=1-"}])
def test_a_file_that_is_replaced_meanwhile_is_sent_whole(
    page: FlaskClient, disk: Disk, monkeypatch: pytest.MonkeyPatch, ranged: dict[str, str]
) -> None:
    before, contents = disk.driver.open, [b"longer than before", b"short"]

    def replaced(path: str, *args: Any) -> Any:
        if contents:
            disk.put(path, contents.pop())
        return before(path, *args)

    monkeypatch.setattr(disk.driver, "open", replaced)
    response = page.get("/show/a/letters.txt", headers=ranged)
    whole = b"longer than before"
    assert response.data == (whole[1:] if ranged else whole)
    assert response.headers["Content-Length"] == str(len(response.data))
    assert response.headers["ETag"] == f'"{disk.info("a/letters.txt").etag}"'


def test_a_file_that_changes_all_the_time_is_unavailable(
    page: FlaskClient, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = disk.driver.open

    def replaced(path: str, *args: Any) -> Any:
        disk.put(path, secrets.token_bytes(9))
        return before(path, *args)

    monkeypatch.setattr(disk.driver, "open", replaced)
    assert page.get("/show/a/letters.txt").status_code == 503


def test_a_range_beyond_the_end_is_not_satisfiable(page: FlaskClient) -> None:
    response = page.get("/show/a/letters.txt", headers={"Range": "bytes=10-"})
    assert response.status_code == 416


def test_what_a_browser_has_is_not_sent_again(page: FlaskClient, disk: Disk) -> None:
    etag = page.get("/show/a/letters.txt").headers["ETag"]
    again = page.get("/show/a/letters.txt", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    disk.put("a/letters.txt", b"klm")
    conditions = {"Range": "bytes=1-", "If-Range": etag}
    assert page.get("/show/a/letters.txt", headers=conditions).data == b"klm"


def test_head_opens_no_file(page: FlaskClient, disk: Disk, monkeypatch: Any) -> None:
    monkeypatch.setattr(disk.driver, "open", None)
    response = page.head("/show/a/letters.txt")
    assert (response.status_code, response.content_length) == (200, 10)


def test_a_file_that_is_not_there_is_a_404(page: FlaskClient) -> None:
    for path in ("nothing", "a", "a/%2e%2e/b", "a%5Cb", "x" * 4096):
        assert page.get(f"/show/{path}").status_code == 404


def test_a_response_can_be_made_outside_of_a_request(disk: Disk) -> None:
    disk.put("a", b"tea")
    assert disk.response("a").get_data() == b"tea"


# --- Temporary URLs ---


def with_query(url: str, **changed: str) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
    return parts._replace(query="&".join(f"{k}={v}" for k, v in query.items())).geturl()


def test_a_temporary_url_shows_a_file_to_who_has_it(client: FlaskClient, disk: Disk) -> None:
    disk.put("a b/ü+%.txt", b"tea")
    url = disk.temporary_url("a b/ü+%.txt", timedelta(minutes=5))
    assert url.startswith("/storage/files/a%20b/")
    response = client.get(url)
    assert (response.status_code, response.data) == (200, b"tea")
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert client.head(url).status_code == 200
    assert client.get(url, headers={"Range": "bytes=1-"}).data == b"ea"
    named = disk.temporary_url("a b/ü+%.txt", 60, name="tea.txt")
    saved = client.get(named).headers["Content-Disposition"]
    assert saved == 'attachment; filename="tea.txt"'


def test_whatever_is_wrong_with_a_url_is_a_404(client: FlaskClient, disk: Disk) -> None:
    disk.put("file", b"tea")
    disk.put("other", b"secret")
    url = disk.temporary_url("file", 60)
    upload = disk.temporary_upload_url("file", 60, "text/plain", size=3)["url"]
    forged = [
        url.replace("/file?", "/other?"),
        url.replace("/files/", "/hidden/"),
        url.replace("/files/", "/nowhere/"),
        url.replace("/file?", "/./file?"),
        with_query(url, expires=str(int(time.time()) + 999)),
        with_query(url, expires="soon"),
        with_query(url, name="x"),
        with_query(url, signature="A" * 43),
        with_query(url, signature=""),
        with_query(url, other="1"),
        url.partition("?")[0],
        upload,
    ]
    for each in forged:
        assert client.get(each).status_code == 404, each
    text = {"Content-Type": "text/plain"}
    for each in (url, with_query(upload, size="4"), with_query(upload, type="a/b"), forged[-2]):
        assert client.put(each, data=b"evil", headers=text).status_code == 404, each
    assert client.post(url).status_code == 405
    assert disk.get("file") == b"tea"


def test_an_expired_url_is_a_404(
    client: FlaskClient, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.put("file", b"tea")
    url = disk.temporary_url("file", 60)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert client.get(url).status_code == 404


def test_keys_can_be_changed_while_urls_are_about(app: Flask, disk: Disk) -> None:
    disk.put("file", b"tea")
    url = disk.temporary_url("file", 60)
    app.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["a secret of the tests"])
    client = app.test_client()
    assert client.get(url).status_code == 200
    assert client.get(disk.temporary_url("file", 60)).status_code == 200
    app.config["SECRET_KEY_FALLBACKS"] = []
    assert client.get(url).status_code == 404


def test_storage_can_have_keys_of_its_own(tmp_path: Path) -> None:
    options = {"driver": "local", "root": str(tmp_path)}

    def worker(*keys: str) -> tuple[Disk, FlaskClient]:
        app = Flask("shop")
        app.secret_key = "of sessions"
        return Storage(app, disks={"files": options}, signing_keys=keys).disk(), app.test_client()

    before, _ = worker("old")
    rolling, client = worker("new", "old")
    _, later = worker("new")
    before.put("file", b"tea")
    urls = {"old": before.temporary_url("file", 60), "new": rolling.temporary_url("file", 60)}
    assert [client.get(urls[key]).status_code for key in ("old", "new")] == [200, 200]
    assert [later.get(urls[key]).status_code for key in ("old", "new")] == [404, 200]
    upload = before.temporary_upload_url("file", 60, "text/plain", size=4)
    sent = {"data": b"milk", "headers": upload["headers"]}
    assert later.put(upload["url"], **sent).status_code == 404
    assert client.put(upload["url"], **sent).status_code == 200
    assert later.get(worker()[0].temporary_url("file", 60)).status_code == 404


def test_without_a_key_nothing_is_signed() -> None:
    app = Flask("shop")
    disk = Storage(app, disks={"files": {"driver": "memory"}}).disk()
    with pytest.raises(ConfigurationError, match="set it, or SECRET_KEY in app.config"):
        disk.temporary_url("file", 60)
    assert app.test_client().get("/storage/files/file?expires=1&signature=x").status_code == 404


def test_a_strange_host_header_gets_into_no_url(app: Flask, disk: Disk) -> None:
    with app.test_request_context(headers={"Host": "evil.example"}):
        assert disk.temporary_url("file", 60).startswith("/storage/files/file?")


def test_urls_begin_with_what_the_settings_say(app: Flask) -> None:
    options = {"base_url": "https://shop.example", "url_prefix": "/files"}
    disk = Storage(app, disks={"a": {"driver": "memory", "serve": True}}, **options).disk()
    assert disk.url("b c") == "https://shop.example/files/a/b%20c"
    disk.put("file", b"tea")
    url = disk.temporary_url("file", 60)
    assert app.test_client().get(url.removeprefix("https://shop.example")).data == b"tea"


def test_urls_begin_where_the_app_is_mounted(app: Flask, disk: Disk) -> None:
    with app.test_request_context(base_url="https://shop.example/app"):
        assert disk.url("file") == "/app/storage/files/file"
    app.config["APPLICATION_ROOT"] = "/root"
    assert disk.url("file") == "/root/storage/files/file"


@pytest.mark.parametrize("expires", [0, 604_801, timedelta(days=-1)])
def test_urls_are_good_for_a_second_to_seven_days(disk: Disk, expires: Any) -> None:
    with pytest.raises(ValueError, match="write 1 to 604800 seconds"):
        disk.temporary_url("file", expires)
    with pytest.raises(ValueError, match="write 1 to 604800 seconds"):
        disk.temporary_upload_url("file", expires, "text/plain", size=1)


# --- Uploads ---


def test_an_upload_url_takes_exactly_what_it_says(client: FlaskClient, disk: Disk) -> None:
    upload = disk.temporary_upload_url("a/new.png", 60, "image/png", size=3)
    assert (upload["method"], upload["headers"]) == ("PUT", {"Content-Type": "image/png"})
    put = client.put
    assert put(upload["url"], data=b"1234", headers=upload["headers"]).status_code == 413
    assert put(upload["url"], data=b"12", headers=upload["headers"]).status_code == 400
    assert put(upload["url"], data=b"123", headers={"Content-Type": "a/b"}).status_code == 415
    assert put(upload["url"], data=b"123").status_code == 415
    assert disk.all_files() == []
    assert put(upload["url"], data=b"123", headers=upload["headers"]).status_code == 200
    assert (disk.get("a/new.png"), disk.mime_type("a/new.png")) == (b"123", "image/png")
    assert client.get(upload["url"]).status_code == 404


def test_an_upload_url_can_have_a_limit_only(client: FlaskClient, disk: Disk) -> None:
    upload = disk.temporary_upload_url("new", 60, "text/plain", 5)
    put = client.put
    assert put(upload["url"], data=b"123456", headers=upload["headers"]).status_code == 413
    assert disk.all_files() == []
    for content in (b"12345", b""):
        assert put(upload["url"], data=content, headers=upload["headers"]).status_code == 200
        assert disk.get("new") == content


def test_a_body_without_a_length_is_held_to_the_limit(client: FlaskClient, disk: Disk) -> None:
    upload = disk.temporary_upload_url("new", 60, "text/plain", 5)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    for content, status in ((b"12345", 200), (b"123456", 413)):
        response = client.put(
            upload["url"],
            input_stream=io.BytesIO(content),
            headers=upload["headers"],
            environ_overrides=chunked,
        )
        assert response.status_code == status
    assert disk.get("new") == b"12345"


class _CutOff(io.BytesIO):
    """The rest of a chunked body, as servers read it once the client has gone."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size) or self._fail()

    def _fail(self) -> bytes:
        raise OSError("no more data")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("limits", [{"size": 5}, {"max_bytes": 9}])
def test_an_upload_that_is_cut_off_leaves_what_was_there(
    client: FlaskClient, disk: Disk, limits: dict[str, int], chunked: bool
) -> None:
    disk.put("file", "before")
    upload = disk.temporary_upload_url("file", 60, "text/plain", **limits)
    # As under gunicorn, which tells of no end before that of the Content-Length.
    headers = {} if chunked else {"CONTENT_LENGTH": "5"}
    response = client.put(
        upload["url"],
        input_stream=_CutOff(b"12") if chunked else io.BytesIO(b"12"),
        headers=upload["headers"],
        environ_overrides={"wsgi.input_terminated": True, **headers},
    )
    assert response.status_code == 400
    assert disk.get("file") == b"before"


def test_the_leave_is_the_limit_not_the_apps(app: Flask, client: FlaskClient, disk: Disk) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2
    upload = disk.temporary_upload_url("new", 60, "text/plain", size=3)
    assert client.put(upload["url"], data=b"123", headers=upload["headers"]).status_code == 200


def test_an_upload_needs_a_size_or_a_limit_and_a_type(disk: Disk) -> None:
    with pytest.raises(TypeError, match="needs size or max_bytes"):
        disk.temporary_upload_url("new", 60, "text/plain")
    with pytest.raises(ValueError, match="no MIME type"):
        disk.temporary_upload_url("new", 60, "text", size=1)


@pytest.mark.parametrize("size", [-1, 1.5, True, "9"])
def test_an_upload_has_a_number_of_bytes(disk: Disk, size: Any) -> None:
    for name in ("size", "max_bytes"):
        with pytest.raises(ValueError, match=f"^{name}=.*: write a whole number of bytes"):
            disk.temporary_upload_url("new", 60, "text/plain", **{name: size})


def test_uploads_to_the_app_have_no_parts(disk: Disk) -> None:
    for use in (
        lambda: disk.complete_upload("new", "1", 1),
        lambda: disk.abort_upload("new", "1"),
    ):
        with pytest.raises(Unsupported):
            use()


# --- Public files ---


def test_public_files_are_served_to_everybody(client: FlaskClient, disk: Disk) -> None:
    disk.put("public", b"tea", visibility="public")
    disk.put("private", b"secret")
    response = client.get(disk.url("public"))
    assert (response.status_code, response.data) == (200, b"tea")
    assert response.headers["Cache-Control"] == "public, no-cache"
    assert client.get(disk.url("private")).status_code == 404
    assert client.get(disk.url("nothing")).status_code == 404
    disk.set_visibility("public", "private")
    assert client.get(disk.url("public")).status_code == 404
    assert client.put(disk.url("public"), data=b"evil").status_code == 404


def test_a_disk_serves_nobody_unless_it_is_told_to(app: Flask, disk: Disk) -> None:
    hidden: Disk = app.extensions["rf_storage"].disk("hidden")
    hidden.put("public", b"tea", visibility="public")
    assert app.test_client().get("/storage/hidden/public").status_code == 404
    with pytest.raises(Unsupported, match="set serve or public_url"):
        hidden.url("public")


def test_another_server_can_serve_public_files(app: Flask, tmp_path: Path) -> None:
    options = {"driver": "local", "root": str(tmp_path), "public_url": "https://cdn.example/f/"}
    disk = Storage(app, disks={"files": options}).disk()
    assert disk.url("a b/ü") == "https://cdn.example/f/a%20b/%C3%BC"
