"""What compression does to responses, rule by rule."""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask import request
from flask import Response
from flask.testing import FlaskClient
from flask.views import MethodView
from werkzeug.test import TestResponse

from flask_rf import Compress
from flask_rf import ConfigurationError
from flask_rf import hooks
from flask_rf.compression import codecs

from .decoding import decode
from .decoding import zstd

TEXT = "one body that repeats itself, " * 100
BROWSER = {"Accept-Encoding": "gzip, deflate, br"}
GZIP = {"Accept-Encoding": "gzip"}


def serve(app: Flask, body: Any = TEXT, status: int = 200, **headers: str) -> FlaskClient:
    """A client of ``app``, whose root answers with ``body``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    @app.route("/", methods=["GET", "POST", "PUT"])
    def view() -> Response:
        return Response(body, status, named)

    return app.test_client()


def coding_of(response: TestResponse) -> str | None:
    return response.headers.get("Content-Encoding")


def assert_untouched(response: TestResponse, body: str | bytes = TEXT) -> None:
    assert coding_of(response) is None
    assert response.data == (body.encode() if isinstance(body, str) else body)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    Compress(app)
    return serve(app)


def test_rule_01_without_accept_encoding_identity_is_sent(client: FlaskClient) -> None:
    assert_untouched(client.get("/"))


def test_rule_02_an_empty_accept_encoding_gets_identity(client: FlaskClient) -> None:
    assert_untouched(client.get("/", headers={"Accept-Encoding": ""}))


@pytest.mark.parametrize("refusal", ["gzip;q=0", "gzip; Q=0", "gzip ;q=0.0"])
def test_rule_03_q_zero_means_refused(client: FlaskClient, refusal: str) -> None:
    assert_untouched(client.get("/", headers={"Accept-Encoding": refusal}))


def test_rule_04_the_asterisk_never_brings_back_what_is_refused(app: Flask) -> None:
    Compress(app, algorithm="gzip")
    assert_untouched(serve(app).get("/", headers={"Accept-Encoding": "gzip;q=0, *"}))


def test_rule_05_gzip_alone_is_not_refused(client: FlaskClient) -> None:
    response = client.get("/", headers={"Accept-Encoding": "*;q=0, gzip"})
    assert coding_of(response) == "gzip"


def test_rule_06_refused_identity_compresses_below_the_minimum_size(app: Flask) -> None:
    Compress(app)
    response = serve(app, "tiny").get("/", headers={"Accept-Encoding": "identity;q=0, gzip"})
    assert coding_of(response) == "gzip"
    assert decode("gzip", response.data) == b"tiny"


def test_rule_07_nothing_acceptable_gets_identity(client: FlaskClient) -> None:
    assert_untouched(client.get("/", headers={"Accept-Encoding": "compress"}))


def test_rule_07_refusing_identity_too_is_answered_406_before_the_view(app: Flask) -> None:
    Compress(app)
    called = []

    @app.post("/orders")
    def order() -> str:
        called.append("order")
        return TEXT

    client = app.test_client()
    assert client.post("/orders", headers={"Accept-Encoding": "*;q=0"}).status_code == 406
    assert client.post("/orders", headers={"Accept-Encoding": "identity;q=0"}).status_code == 406
    assert not called


def test_rule_07_the_406_can_be_turned_off(app: Flask) -> None:
    Compress(app, strict=False)
    response = serve(app).get("/", headers={"Accept-Encoding": "*;q=0"})
    assert response.status_code == 200
    assert_untouched(response)


def test_rule_08_the_highest_q_wins(client: FlaskClient) -> None:
    response = client.get("/", headers={"Accept-Encoding": "br;q=0.5, gzip;q=0.8"})
    assert coding_of(response) == "gzip"


def test_rule_08_on_equal_q_the_servers_order_decides(app: Flask) -> None:
    Compress(app, algorithm=["gzip", "br"])
    assert coding_of(serve(app).get("/", headers=BROWSER)) == "gzip"


def test_rule_09_identity_liked_better_is_sent(client: FlaskClient) -> None:
    assert_untouched(client.get("/", headers={"Accept-Encoding": "br;q=0.001, identity"}))


@pytest.mark.parametrize("weight", ["abc", "2", ".5", "0.5000"])
def test_rule_10_a_malformed_q_never_becomes_one(client: FlaskClient, weight: str) -> None:
    assert_untouched(client.get("/", headers={"Accept-Encoding": f"gzip;q={weight}"}))


def test_rule_11_tokens_are_compared_whole(client: FlaskClient) -> None:
    assert_untouched(client.get("/", headers={"Accept-Encoding": "vibrant, gzip2"}))


def test_rule_11_x_gzip_is_gzip(client: FlaskClient) -> None:
    response = client.get("/", headers={"Accept-Encoding": "X-GZIP"})
    assert coding_of(response) == "gzip"


def test_rule_12_several_header_lines_combine(client: FlaskClient) -> None:
    response = client.get(
        "/", headers=[("Accept-Encoding", "br;q=0"), ("Accept-Encoding", "br;q=0.1, gzip")]
    )
    assert coding_of(response) == "gzip"


def test_rule_13_deflate_is_not_offered_by_default(client: FlaskClient) -> None:
    assert_untouched(client.get("/", headers={"Accept-Encoding": "deflate"}))


def test_rule_13_deflate_is_the_zlib_format(app: Flask) -> None:
    Compress(app, algorithm="deflate")
    response = serve(app).get("/", headers={"Accept-Encoding": "deflate"})
    assert coding_of(response) == "deflate"
    assert decode("deflate", response.data) == TEXT.encode()


@pytest.mark.parametrize("accepted", [None, "", "gzip", "br;q=0", "compress"])
def test_rule_15_vary_names_accept_encoding_whichever_coding_is_sent(
    client: FlaskClient, accepted: str | None
) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    assert client.get("/", headers=headers).headers["Vary"] == "Accept-Encoding"


def test_rule_15_vary_is_there_below_the_minimum_size(app: Flask) -> None:
    Compress(app)
    assert serve(app, "tiny").get("/").headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "mimetype",
    ["image/png", "font/woff2", "video/mp4", "application/zip", "application/octet-stream"],
)
def test_rule_16_other_types_do_not_vary(app: Flask, mimetype: str) -> None:
    Compress(app)
    response = serve(app, Content_Type=mimetype).get("/", headers=BROWSER)
    assert "Vary" not in response.headers
    assert_untouched(response)


def test_rule_17_vary_is_merged(app: Flask) -> None:
    Compress(app)
    response = serve(app, Vary="Cookie, accept-encoding").get("/", headers=BROWSER)
    assert response.headers.getlist("Vary") == ["Cookie, accept-encoding"]
    other = Flask("other")
    Compress(other)
    response = serve(other, Vary="Cookie").get("/", headers=BROWSER)
    assert response.headers.getlist("Vary") == ["Cookie, Accept-Encoding"]


def test_rule_17_vary_on_everything_stays(app: Flask) -> None:
    Compress(app)
    response = serve(app, Vary="*").get("/", headers=BROWSER)
    assert response.headers.getlist("Vary") == ["*"]


def test_rule_18_an_encoded_response_is_untouched(app: Flask) -> None:
    Compress(app)
    body = gzip.compress(TEXT.encode())
    response = serve(app, body, Content_Encoding="gzip", ETag='"a"').get("/", headers=BROWSER)
    assert response.data == body
    assert response.headers["ETag"] == '"a"'
    assert "Vary" not in response.headers


def test_rule_19_a_partial_response_is_untouched(app: Flask) -> None:
    Compress(app)
    client = serve(app, TEXT, 206, Content_Range=f"bytes 0-{len(TEXT) - 1}/9999")
    assert_untouched(client.get("/", headers=BROWSER))


def test_rule_19_a_partial_response_that_names_no_range_is_untouched(app: Flask) -> None:
    Compress(app)
    assert_untouched(serve(app, TEXT, 206).get("/", headers=BROWSER))


def test_rule_19_any_content_range_is_untouched(app: Flask) -> None:
    Compress(app)
    assert_untouched(serve(app, Content_Range="items 0-9/100").get("/", headers=BROWSER))


def test_rule_19_a_partial_response_varies_as_the_whole_one_does(app: Flask) -> None:
    Compress(app)
    response = serve(app, TEXT, 206, Content_Range="bytes 0-9/99").get("/", headers=BROWSER)
    assert response.headers["Vary"] == "Accept-Encoding"


def test_rule_20_a_compressed_response_takes_no_ranges(app: Flask) -> None:
    Compress(app)
    client = serve(app, Accept_Ranges="bytes")
    assert "Accept-Ranges" not in client.get("/", headers=BROWSER).headers
    assert client.get("/").headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("value", ["no-transform", "public, No-Transform, max-age=60"])
def test_rule_21_no_transform_is_obeyed(app: Flask, value: str) -> None:
    Compress(app)
    response = serve(app, Cache_Control=value).get("/", headers=BROWSER)
    assert "Vary" not in response.headers
    assert_untouched(response)


def test_rule_21_no_transform_may_stand_on_a_line_of_its_own(app: Flask) -> None:
    lines = [("Cache-Control", "private"), ("Cache-Control", "no-transform")]
    app.add_url_rule("/lines", view_func=lambda: Response(TEXT, headers=lines))
    Compress(app)
    assert_untouched(app.test_client().get("/lines", headers=BROWSER))


@pytest.mark.parametrize("status", [101, 204, 205, 304])
def test_rule_22_responses_without_body_are_not_worked_on(app: Flask, status: int) -> None:
    compressor = Compress(app).compiled
    response = serve(app, TEXT, status).get("/", headers=BROWSER)
    assert coding_of(response) is None
    assert compressor.cache.size == 0


def test_rule_22_no_content_has_no_length(app: Flask) -> None:
    Compress(app)
    response = serve(app, "", 204).get("/", headers={"Accept-Encoding": "identity;q=0, gzip"})
    assert "Content-Length" not in response.headers
    assert coding_of(response) is None


def test_rule_22_head_costs_no_compression(app: Flask) -> None:
    compressor = Compress(app).compiled
    serve(app).head("/", headers=BROWSER)
    assert compressor.cache.size == 0


@pytest.mark.parametrize(("body", "least"), [(TEXT, 500), ("tiny", 500), ("", 0)])
def test_rule_23_head_has_the_headers_of_get_but_perhaps_the_length(
    app: Flask, body: str, least: int
) -> None:
    Compress(app, min_size=least)
    client = serve(app, body, ETag='"v1"', Accept_Ranges="bytes")
    head = dict(client.head("/", headers=BROWSER).headers)
    get = dict(client.get("/", headers=BROWSER).headers)
    assert head.get("Content-Length") in (None, get["Content-Length"])
    assert {**head, "Content-Length": ""} == {**get, "Content-Length": ""}


def test_rule_23_head_announces_a_coding_that_only_encoding_could_rule_out(app: Flask) -> None:
    Compress(app)
    client = serve(app, random.Random(7).randbytes(600))
    head = client.head("/", headers=GZIP).headers
    assert head["Content-Encoding"] == "gzip"
    assert "Content-Length" not in head
    assert coding_of(client.get("/", headers=GZIP)) is None


def test_rule_23_head_of_a_length_the_view_knows_is_described_as_its_get(app: Flask) -> None:
    Compress(app)

    @app.get("/known")
    def known() -> Response:
        if request.method == "HEAD":
            return Response(headers={"Content-Length": str(len(TEXT))})
        return Response(TEXT)

    client = app.test_client()
    head, get = (client.open("/known", method=m, headers=GZIP) for m in ("HEAD", "GET"))
    assert coding_of(head) == coding_of(get) == "gzip"
    assert "Content-Length" not in head.headers


@pytest.mark.parametrize("length", ["a few", "-1", "²", ""])
def test_a_length_that_is_none_is_not_believed(app: Flask, length: str) -> None:
    Compress(app)
    response = serve(app, TEXT, Content_Length=length).get("/", headers=GZIP)
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]
    assert decode("gzip", response.data) == TEXT.encode()


def test_rule_23_head_of_a_small_body_is_plain_whatever_the_client_holds(app: Flask) -> None:
    Compress(app)
    client = serve(app, "tiny", ETag='"v1"')
    held = {**GZIP, "If-None-Match": '"v1:gzip"'}
    head, get = client.head("/", headers=held), client.get("/", headers=held)
    assert (coding_of(head), coding_of(get)) == (None, None)
    assert head.headers["ETag"] == get.headers["ETag"]


def test_rule_23_head_of_a_stream_has_the_headers_of_get(app: Flask) -> None:
    Compress(app)

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield TEXT

    client = app.test_client()
    assert (
        client.head("/stream", headers=BROWSER).headers
        == client.get("/stream", headers=BROWSER).headers
    )


@pytest.mark.parametrize("status", [400, 404, 422, 500, 503])
def test_rule_24_error_bodies_are_compressed(app: Flask, status: int) -> None:
    Compress(app)
    response = serve(app, TEXT, status).get("/", headers=GZIP)
    assert coding_of(response) == "gzip"
    assert decode("gzip", response.data) == TEXT.encode()


def test_rule_24_the_answer_to_an_unexpected_error_is_compressed(app: Flask) -> None:
    Compress(app, min_size=1)

    @app.get("/broken")
    def broken() -> str:
        raise LookupError("gone")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    response = app.test_client().get("/broken", headers=GZIP)
    assert (response.status_code, coding_of(response)) == (500, "gzip")


def test_rule_25_content_length_is_that_of_the_encoded_bytes(client: FlaskClient) -> None:
    response = client.get("/", headers=BROWSER)
    assert response.headers["Content-Length"] == str(len(response.data))
    assert len(response.data) < len(TEXT)
    assert decode("br", response.data) == TEXT.encode()


def test_rule_25_a_length_the_view_has_set_is_replaced(app: Flask) -> None:
    Compress(app)
    response = serve(app, Content_Length=str(len(TEXT))).get("/", headers=GZIP)
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]


def test_rule_25_a_length_the_view_keeps_by_itself_is_replaced_as_well(app: Flask) -> None:
    Compress(app)

    @app.get("/own")
    def own() -> Response:
        response = Response(TEXT)
        response.automatically_set_content_length = False
        response.content_length = len(TEXT)
        return response

    response = app.test_client().get("/own", headers=GZIP)
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]


def test_rule_26_a_body_that_does_not_shrink_is_sent_as_it_is(app: Flask) -> None:
    Compress(app, min_size=0)
    response = serve(app, "xyz", ETag='"v1"').get("/", headers=GZIP)
    assert_untouched(response, "xyz")
    assert response.headers["ETag"] == '"v1"'


def test_rule_26_a_body_that_stays_as_long_is_sent_as_it_is(app: Flask) -> None:
    compressor = Compress(app, min_size=0).compiled
    body = "one body"
    codec = compressor._codecs["gzip"]
    compressor.cache.put(compressor.cache.key(codec, body.encode()), b"no less.")
    assert_untouched(serve(app, body).get("/", headers=GZIP), body)


def test_rule_41_a_large_body_is_looked_up_off_the_loop_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside: list[Any] = []
    monkeypatch.setattr(codecs, "off_the_loop", lambda run, data: aside.append(run) or run(data))
    compressor = Compress(app).compiled
    client = serve(app, TEXT * (1 + codecs.OFFLOAD_FROM // len(TEXT)))
    for _ in range(2):
        assert coding_of(client.get("/", headers=GZIP)) == "gzip"
    looked_up = [run for run in aside if getattr(run, "func", None) == compressor.cache.key]
    assert (len(looked_up), len(aside)) == (2, 3)


def test_rule_41_a_body_larger_than_the_cache_is_not_looked_up(app: Flask) -> None:
    compressor = Compress(app, cache_size=len(TEXT) - 1).compiled
    assert coding_of(serve(app).get("/", headers=GZIP)) == "gzip"
    assert compressor.cache.size == 0


def test_rule_40_a_body_that_is_kept_is_not_compressed_again(app: Flask) -> None:
    compressor = Compress(app).compiled
    client = serve(app)
    first = client.get("/", headers=GZIP)
    codec = compressor._codecs["gzip"]
    compressor._codecs["gzip"] = replace(codec, compress=lambda body: pytest.fail("again"))
    assert client.get("/", headers=GZIP).data == first.data


def test_an_empty_body_stays_empty(app: Flask) -> None:
    Compress(app, min_size=0)
    response = serve(app, "").get("/", headers={"Accept-Encoding": "identity;q=0, gzip"})
    assert_untouched(response, "")


def test_a_body_below_the_minimum_size_is_left_alone(app: Flask) -> None:
    Compress(app)
    client = serve(app, "x" * 499)
    assert_untouched(client.get("/", headers=GZIP), "x" * 499)
    app.view_functions["view"] = lambda: "x" * 500
    assert coding_of(client.get("/", headers=GZIP)) == "gzip"


@pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
def test_rule_32_a_body_with_a_digest_is_untouched(app: Flask, field: str) -> None:
    Compress(app)
    assert_untouched(serve(app, **{field: "sha-256=:AAAA:"}).get("/", headers=BROWSER))


def test_rule_39_the_response_of_a_websocket_route_is_untouched(app: Flask) -> None:
    Compress(app, min_size=0)

    @app.route("/socket", websocket=True)
    def socket() -> str:
        return TEXT

    response = app.test_client().get(
        "/socket",
        headers={"Connection": "Upgrade", "Upgrade": "WebSocket", **BROWSER},
    )
    assert response.status_code == 200
    assert "Vary" not in response.headers
    assert_untouched(response)


def test_rule_39_another_upgrade_that_is_offered_changes_nothing(client: FlaskClient) -> None:
    response = client.get("/", headers={"Connection": "Upgrade", "Upgrade": "h2c", **GZIP})
    assert (coding_of(response), response.headers["Vary"]) == ("gzip", "Accept-Encoding")


def test_rule_39_a_handshake_is_never_answered_406(app: Flask) -> None:
    Compress(app)
    app.add_url_rule("/socket", "socket", lambda: "closed", websocket=True)
    response = app.test_client().get(
        "/socket",
        headers={"Connection": "Upgrade", "Upgrade": "websocket", "Accept-Encoding": "*;q=0"},
    )
    assert response.status_code == 200


@pytest.mark.parametrize("compress_first", [True, False])
def test_rule_42_it_runs_after_every_other_function(app: Flask, compress_first: bool) -> None:
    def shout(response: Response) -> Response:
        response.set_data(response.get_data().upper())
        return response

    def sign(response: Response) -> Response:
        response.headers["X-Size"] = str(len(response.get_data()))
        return response

    steps = [lambda: app.after_request(shout), lambda: hooks.place(app, "cors", after=sign)]
    steps.insert(0 if compress_first else 2, lambda: Compress(app))
    for step in steps:
        step()
    response = serve(app).get("/", headers=GZIP)
    assert decode("gzip", response.data) == TEXT.upper().encode()
    assert response.headers["X-Size"] == str(len(TEXT))


def test_rule_42_metrics_see_the_encoded_length(app: Flask) -> None:
    seen = []

    def measure(response: Response) -> Response:
        seen.append(response.content_length)
        return response

    hooks.place(app, "metrics", after=measure)
    Compress(app)
    response = serve(app).get("/", headers=GZIP)
    assert seen == [len(response.data)]


def test_rule_43_an_exempt_view_is_untouched_and_does_not_vary(app: Flask) -> None:
    compress = Compress(app)

    @app.get("/token")
    @compress.exempt
    def token() -> str:
        return TEXT

    response = app.test_client().get("/token", headers=BROWSER)
    assert "Vary" not in response.headers
    assert_untouched(response)


def test_rule_43_a_method_of_a_class_a_class_and_a_blueprint_can_be_exempt(app: Flask) -> None:
    compress, inner = Compress(app), Blueprint("inner", __name__, url_prefix="/inner")

    class Tokens(MethodView):
        def get(self) -> str:
            return TEXT

        @compress.exempt
        def post(self) -> str:
            return TEXT

    @compress.exempt
    class Secrets(MethodView):
        def get(self) -> str:
            return TEXT

    app.add_url_rule("/tokens", view_func=Tokens.as_view("tokens"))
    app.add_url_rule("/secrets", view_func=Secrets.as_view("secrets"))
    compress.exempt(inner).add_url_rule("/", "token", lambda: TEXT)
    app.register_blueprint(inner)
    client = app.test_client()
    assert coding_of(client.get("/tokens", headers=GZIP)) == "gzip"
    for response in (
        client.post("/tokens", headers=GZIP),
        client.get("/secrets", headers=GZIP),
        client.get("/inner/", headers=GZIP),
    ):
        assert coding_of(response) is None


@pytest.mark.parametrize(
    ("headers", "compressed"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Cookie": "a=b"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Cookie": "a=b"}, True),
        ({"Sec-Fetch-Site": "none", "Cookie": "a=b"}, True),
        ({"Referer": "https://evil.example/page", "Cookie": "a=b"}, False),
        ({"Origin": "https://evil.example", "Cookie": "a=b"}, False),
        ({"Referer": "http://localhost/page", "Cookie": "a=b"}, True),
        ({"Referer": "http://[", "Cookie": "a=b"}, False),
        ({"Cookie": "a=b"}, True),
    ],
)
def test_rule_43_cross_site_requests_with_cookies_can_be_skipped(
    app: Flask, headers: dict[str, str], compressed: bool
) -> None:
    Compress(app, cross_site_cookies=False)
    serve(app)
    response = app.test_client(use_cookies=False).get("/", headers={**GZIP, **headers})
    assert coding_of(response) == ("gzip" if compressed else None)
    assert response.headers["Vary"] == "Accept-Encoding"


def test_rule_43_cross_site_requests_are_compressed_by_default(app: Flask) -> None:
    Compress(app)
    serve(app)
    headers = {**GZIP, "Sec-Fetch-Site": "cross-site", "Cookie": "a=b"}
    response = app.test_client(use_cookies=False).get("/", headers=headers)
    assert coding_of(response) == "gzip"


def test_only_marked_views_are_compressed_where_register_is_false(app: Flask) -> None:
    compress = Compress(app, register=False)
    app.add_url_rule("/plain", "plain", lambda: TEXT)

    @app.get("/marked")
    @compress.compressed()
    def marked() -> str:
        return TEXT

    client = app.test_client()
    assert coding_of(client.get("/marked", headers=GZIP)) == "gzip"
    assert coding_of(client.get("/plain", headers=GZIP)) is None


def test_json_of_any_kind_is_compressed(app: Flask) -> None:
    Compress(app)
    body = json.dumps([{"id": number} for number in range(200)])
    response = serve(app, body, 400, Content_Type="application/problem+json").get("/", headers=GZIP)
    assert decode(coding_of(response), response.data) == body.encode()
    assert coding_of(response) == "gzip"


def test_the_types_can_be_chosen(app: Flask) -> None:
    app.config["COMPRESS_MIMETYPES"] = ["application/x-own"]
    Compress(app)
    client = serve(app, Content_Type="application/x-own; v=1")
    assert coding_of(client.get("/", headers=GZIP)) == "gzip"
    app.view_functions["view"] = lambda: TEXT
    assert coding_of(client.get("/", headers=GZIP)) is None


def test_two_apps_of_one_recipe_keep_their_own_settings() -> None:
    compress = Compress()
    one, two = Flask("one"), Flask("two")
    one.config["COMPRESS_ALGORITHM"] = "br"
    two.config["COMPRESS_ALGORITHM"] = "gzip"
    compress.init_app(one)
    compress.init_app(two)
    assert coding_of(serve(one).get("/", headers=BROWSER)) == "br"
    assert coding_of(serve(two).get("/", headers=BROWSER)) == "gzip"


def test_zstd_comes_first_where_it_is_installed(app: Flask) -> None:
    zstd()
    Compress(app)
    response = serve(app).get("/", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert coding_of(response) == "zstd"
    assert decode("zstd", response.data) == TEXT.encode()


@pytest.fixture
def without_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("without_zstd")
def test_a_coding_whose_library_is_absent_is_left_out(app: Flask) -> None:
    Compress(app)
    response = serve(app).get("/", headers={"Accept-Encoding": "zstd, br;q=0.5"})
    assert coding_of(response) == "br"


@pytest.mark.usefixtures("without_zstd")
def test_no_coding_left_is_refused(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match=r"install flask-rf\[zstd\]"):
        Compress(app, algorithm="zstd")


def test_the_default_level_of_gzip_is_that_of_the_library(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zlib_ng")
    assert Compress(app).compiled.options.level == 5
    monkeypatch.setitem(sys.modules, "zlib_ng", None)
    assert Compress(Flask("other")).compiled.options.level == 6


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("COMPRESS_ALGORITHM", "gzip,brotli"),
        ("COMPRESS_ALGORITHM", []),
        ("COMPRESS_ALGORITHM", ["br", "BR"]),
        ("COMPRESS_LEVEL", "10"),
        ("COMPRESS_MIMETYPES", "json"),
        ("COMPRESS_BR_LEVEL", "12"),
        ("COMPRESS_ZSTD_LEVEL", "20"),
        ("COMPRESS_MIN_SIZE", "-1"),
        ("COMPRESS_STREAMS", "maybe"),
        ("COMPRESS_LEVL", "6"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(app: Flask, key: str, value: object) -> None:
    app.config[key] = value
    with pytest.raises(ConfigurationError, match=key):
        Compress(app)
