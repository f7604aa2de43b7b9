from __future__ import annotations

import pytest
from flask import Flask
from flask import request
from flask import Response
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from flask_rf import Compress
from flask_rf.compression.codecs import CODINGS
from flask_rf.compression.etags import with_suffix
from flask_rf.compression.etags import without_suffixes

TEXT = "one body that repeats itself, " * 100
GZIP = {"Accept-Encoding": "gzip"}

opaque = st.text(
    alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"')
)


@given(opaque, st.sampled_from(CODINGS))
def test_a_suffix_comes_off_as_it_went_on(tag: str, coding: str) -> None:
    plain = without_suffixes(f'"{tag}"')
    assert without_suffixes(with_suffix(plain, coding)) == plain


@pytest.mark.parametrize("etag", ["abc", "", 'W/"abc"'])
def test_what_is_no_strong_tag_is_left_as_it_is(etag: str) -> None:
    assert with_suffix(etag, "br") == etag


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of an app whose one document has a tag and takes ranges."""
    Compress(app)

    @app.route("/", methods=["GET", "PUT"])
    def document() -> Response:
        if request.method == "PUT":
            same = request.if_match.contains("v1")
            return Response("saved" if same else "changed meanwhile", 200 if same else 412)
        response = Response(TEXT, headers={"ETag": '"v1"'})
        return response.make_conditional(request, True, len(TEXT))

    @app.get("/weak")
    def weak() -> Response:
        return Response(TEXT, headers={"ETag": 'W/"v1"'}).make_conditional(request)

    return app.test_client()


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_rule_27_a_strong_tag_differs_per_coding(client: FlaskClient, coding: str) -> None:
    response = client.get("/", headers={"Accept-Encoding": coding})
    assert response.headers["ETag"] == f'"v1:{coding}"'
    assert client.get("/").headers["ETag"] == '"v1"'


def test_rule_27_a_weak_tag_stays(client: FlaskClient) -> None:
    response = client.get("/weak", headers=GZIP)
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["ETag"] == 'W/"v1"'


@pytest.mark.parametrize(
    "tags",
    ['"v1"', '"v1:gzip"', '"v1:br"', 'W/"v1:gzip"', '"other:br", "v1:zstd"', '"a" , "v1:deflate"'],
)
@pytest.mark.parametrize("accepted", ["gzip", "br", "identity"])
def test_rule_28_plain_and_suffixed_tags_give_304(
    client: FlaskClient, tags: str, accepted: str
) -> None:
    headers = {"If-None-Match": tags, "Accept-Encoding": accepted}
    response = client.get("/", headers=headers)
    assert response.status_code == 304
    assert response.data == b""


@pytest.mark.parametrize("tags", ['"v2"', '"v2:gzip"', '"v1gzip"', '"v1:other"'])
def test_rule_28_other_tags_do_not(client: FlaskClient, tags: str) -> None:
    assert client.get("/", headers={**GZIP, "If-None-Match": tags}).status_code == 200


def test_rule_28_the_304_is_decided_before_compressing(app: Flask, client: FlaskClient) -> None:
    client.get("/", headers={**GZIP, "If-None-Match": '"v1:gzip"'})
    assert app.extensions["rf_compression"].cache.size == 0


def test_rule_28_views_see_tags_without_suffix(app: Flask) -> None:
    Compress(app)
    app.add_url_rule("/seen", "seen", lambda: request.headers["If-None-Match"])
    response = app.test_client().get("/seen", headers={"If-None-Match": '"a:br", W/"b:gzip"'})
    assert response.text == '"a", W/"b"'


@pytest.mark.parametrize("tag", ['"v1"', '"v1:gzip"'])
def test_rule_29_a_suffixed_tag_works_in_if_match(client: FlaskClient, tag: str) -> None:
    response = client.put("/", headers={**GZIP, "If-Match": tag})
    assert (response.status_code, response.text) == (200, "saved")


def test_rule_29_the_tag_of_another_version_still_fails(client: FlaskClient) -> None:
    assert client.put("/", headers={"If-Match": '"v0:gzip"'}).status_code == 412


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_rule_30_a_suffixed_tag_in_if_range_never_gives_206(
    client: FlaskClient, accepted: str
) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"v1:gzip"', "Accept-Encoding": accepted}
    response = client.get("/", headers=headers)
    assert response.status_code == 200
    assert "Content-Range" not in response.headers


def test_rule_30_a_plain_tag_in_if_range_gives_plain_bytes(client: FlaskClient) -> None:
    response = client.get("/", headers={**GZIP, "Range": "bytes=0-9", "If-Range": '"v1"'})
    assert response.status_code == 206
    assert response.text == TEXT[:10]
    assert response.headers["ETag"] == '"v1"'


@pytest.mark.parametrize("accepted", ["gzip", "br", "identity"])
def test_rule_31_304_carries_the_tag_and_vary_of_the_200(
    client: FlaskClient, accepted: str
) -> None:
    headers = {"Accept-Encoding": accepted}
    full = client.get("/", headers=headers)
    again = client.get("/", headers={**headers, "If-None-Match": full.headers["ETag"]})
    assert again.status_code == 304
    assert again.headers["ETag"] == full.headers["ETag"]
    assert again.headers["Vary"] == full.headers["Vary"]


def test_rule_31_304_made_without_a_body_answers_with_the_tag_it_was_asked(app: Flask) -> None:
    Compress(app)
    app.add_url_rule("/", "root", lambda: Response(status=304, headers={"ETag": '"v1"'}))
    client = app.test_client()
    asked = client.get("/", headers={**GZIP, "If-None-Match": '"v1:gzip"'})
    assert asked.headers["ETag"] == '"v1:gzip"'
    plain = client.get("/", headers={**GZIP, "If-None-Match": '"v1"'})
    assert plain.headers["ETag"] == '"v1"'


def test_rule_31_304_made_without_a_body_names_no_coding_the_client_does_not_hold(
    app: Flask,
) -> None:
    Compress(app)
    app.add_url_rule("/", "root", lambda: Response(status=304, headers={"ETag": '"v1"'}))
    app.add_url_rule("/bare", "bare", lambda: Response(status=304))
    client = app.test_client()
    held = {**GZIP, "If-None-Match": '"v0:gzip", "v1:br", "v1"'}
    assert client.get("/", headers=held).headers["ETag"] == '"v1"'
    bare = client.get("/bare", headers=held)
    assert (bare.status_code, bare.headers.get("ETag")) == (304, None)
