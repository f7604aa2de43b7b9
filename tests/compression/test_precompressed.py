"""Rule 38: static files compressed at build time."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import BinaryIO
from typing import cast

import brotli
import pytest
from flask import Blueprint
from flask import Flask
from flask.testing import FlaskClient

from flask_rf import Compress
from flask_rf import compression
from flask_rf.compression import precompressed
from flask_rf.compression.codecs import Codec
from flask_rf.compression.codecs import make_codec

from .decoding import decode

SCRIPT = b"export const answer = 42;\n" * 100
BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A static folder with a script, its gzip and brotli siblings, and a script without."""
    (tmp_path / "app.js").write_bytes(SCRIPT)
    (tmp_path / "app.js.br").write_bytes(brotli.compress(SCRIPT))
    (tmp_path / "app.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "alone.js").write_bytes(SCRIPT)
    return tmp_path


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    app = Flask("shop", static_folder=str(folder), static_url_path="/static")
    Compress(app)
    return app.test_client()


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0.1, gzip", "gzip"), ("zstd", None), ("", None)],
)
def test_rule_38_the_best_sibling_the_client_takes_is_served(
    client: FlaskClient, accepted: str, coding: str | None
) -> None:
    with client.get("/static/app.js", headers={"Accept-Encoding": accepted}) as response:
        assert response.headers.get("Content-Encoding") == coding
        assert response.headers["Content-Length"] == str(len(response.data))
        assert response.mimetype == "text/javascript"
        assert response.headers["Vary"] == "Accept-Encoding"
        assert decode(coding, response.data) == SCRIPT


def test_rule_38_the_bytes_are_those_of_the_sibling(client: FlaskClient, folder: Path) -> None:
    with client.get("/static/app.js", headers=BROWSER) as response:
        assert response.data == (folder / "app.js.br").read_bytes()


def test_rule_38_head_has_the_same_headers(client: FlaskClient) -> None:
    with (
        client.head("/static/app.js", headers=BROWSER) as head,
        client.get("/static/app.js", headers=BROWSER) as get,
    ):
        assert head.headers["Content-Encoding"] == "br"
        assert {**head.headers, "Date": ""} == {**get.headers, "Date": ""}


def test_rule_38_a_file_without_sibling_is_sent_as_it_is(client: FlaskClient) -> None:
    with client.get("/static/alone.js", headers=BROWSER) as response:
        assert response.data == SCRIPT


def test_rule_38_a_folder_is_no_sibling(client: FlaskClient, folder: Path) -> None:
    (folder / "alone.js.br").mkdir()
    with client.get("/static/alone.js", headers=BROWSER) as response:
        assert response.data == SCRIPT


def test_rule_38_a_sibling_is_served_though_nothing_here_could_make_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_gzip_only(coding: str, level: int) -> Codec:
        if coding != "gzip":
            raise ImportError
        return make_codec(coding, level)

    monkeypatch.setattr(compression, "make_codec", make_gzip_only)
    app = Flask("shop", static_folder=str(folder), static_url_path="/static")
    Compress(app)
    with app.test_client().get("/static/app.js", headers=BROWSER) as response:
        assert response.headers["Content-Encoding"] == "br"


def test_rule_38_a_sibling_older_than_its_file_is_not_served(
    client: FlaskClient, folder: Path
) -> None:
    for name in ("app.js.br", "app.js.gz"):
        os.utime(folder / name, (1, 1))
    with client.get("/static/app.js", headers=BROWSER) as response:
        assert response.data == SCRIPT


def test_rule_38_a_sibling_that_cannot_be_opened_is_passed_over(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, or replaced at this very moment."""

    def refuse_brotli(name: str, mode: str) -> BinaryIO:
        if name.endswith(".br"):
            raise PermissionError
        return cast(BinaryIO, open(name, mode))

    monkeypatch.setattr(precompressed, "open", refuse_brotli, raising=False)
    with client.get("/static/app.js", headers=BROWSER) as response:
        assert response.headers["Content-Encoding"] == "gzip"


def test_rule_38_the_tag_is_suffixed_and_gives_304(client: FlaskClient) -> None:
    with client.get("/static/app.js", headers=BROWSER) as response:
        tag = response.headers["ETag"]
    assert tag.endswith(':br"')
    with client.get("/static/app.js", headers={**BROWSER, "If-None-Match": tag}) as again:
        assert (again.status_code, again.headers["ETag"]) == (304, tag)


def test_rule_38_a_range_is_of_plain_bytes(client: FlaskClient) -> None:
    with client.get("/static/app.js", headers={**BROWSER, "Range": "bytes=0-5"}) as response:
        assert (response.status_code, response.data) == (206, SCRIPT[:6])
        assert "Content-Encoding" not in response.headers


def test_rule_38_a_blueprints_static_files_have_siblings_too(folder: Path, app: Flask) -> None:
    app.register_blueprint(
        Blueprint(
            "admin",
            __name__,
            static_folder=str(folder),
            static_url_path="/static",
            url_prefix="/admin",
        )
    )
    Compress(app)
    with app.test_client().get("/admin/static/app.js", headers=BROWSER) as response:
        assert response.headers["Content-Encoding"] == "br"


def test_rule_38_it_can_be_turned_off(folder: Path) -> None:
    app = Flask("shop", static_folder=str(folder), static_url_path="/static")
    Compress(app, precompressed=False)
    with app.test_client().get("/static/app.js", headers=BROWSER) as response:
        assert response.data == SCRIPT


def test_rule_38_a_missing_file_is_still_not_found(client: FlaskClient) -> None:
    assert client.get("/static/none.js", headers=BROWSER).status_code == 404
