"""Whole requests with headers that anybody may send: no failure, nothing echoed unread."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask import request
from flask import Response
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from flask_rf import CORS
from flask_rf import Limiter
from flask_rf import RF

ORIGINS = ["https://shop.example", "https://*.shop.example", "http://localhost:*"]
TEXT = "one line that repeats itself\n" * 100
METHODS = ["GET", "HEAD", "POST", "PUT", "OPTIONS"]
PATHS = ["/", "/tagged", "/any", "/nowhere", "/health/live", "/stream"]


def make_app() -> Flask:
    app = Flask("shop")
    app.config.update(TESTING=True, COMPRESS_MIN_SIZE=1, TRUSTED_PROXIES="127.0.0.0/8")
    policies: dict[str, dict[str, Any]] = {
        "/": {"origins": ORIGINS, "supports_credentials": True, "methods": "*"},
        "/any": {"origins": "*", "allow_headers": "*"},
    }
    policies["/"]["allow_headers"] = "*"
    RF(app, cors=CORS(resources=policies), limiter=Limiter(default="1000000/minute"))

    def tagged() -> Response:
        response = Response(TEXT)
        response.set_etag("v1")
        return response.make_conditional(request)

    app.add_url_rule("/", "index", lambda: TEXT, methods=["GET", "POST", "PUT"])
    app.add_url_rule("/any", "any", lambda: {"any": "thing"})
    app.add_url_rule("/tagged", "tagged", tagged)
    app.add_url_rule("/stream", "stream", lambda: iter([TEXT]))
    return app


APP = make_app()

# --- What may be sent: near misses of what is meant, and noise ---

#: What a server lets through: Latin-1 without line breaks (RFC 9110 section 5.5).
noise = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=80)


def near(*meant: str) -> st.SearchStrategy[str]:
    """One of ``meant``, several joined by commas, one with noise around it, or noise."""
    one = st.sampled_from(meant)
    joined = st.lists(one | noise, min_size=1, max_size=5).map(", ".join)
    surrounded = st.tuples(noise, one, noise).map("".join)
    return one | joined | surrounded | noise


HEADERS = {
    "Origin": near(
        *("https://shop.example", "https://a.shop.example", "http://localhost:1", "null"),
        *("https://a.shop.example.evil.io", "https://a.shop.example:1", "http://localhost.evil.io"),
    ),
    "Accept-Encoding": near("gzip", "br;q=0.5", "zstd", "*;q=0", "identity;q=0", "gzip;q=2", "*"),
    "Access-Control-Request-Method": near("GET", "PUT", "patch", "TRACE", "*"),
    "Access-Control-Request-Headers": near("content-type", "authorization", "x-a", "cookie", "*"),
    "X-Request-ID": near("a-caller's-id", "0123456789abcdef", "x" * 128, "x" * 129),
    "Traceparent": near(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    "Tracestate": near("a=1", "a=1,b=2", "=", "a=" + "1" * 600),
    "If-None-Match": near('"v1"', '"v1:gzip"', 'W/"v1"', '"v1:br"', "*", '"'),
    "If-Match": near('"v1:zstd"', "*"),
    "If-Range": near('"v1:gzip"', '"v1"', "Sat, 01 Jan 2022 00:00:00 GMT"),
    "Range": near("bytes=0-1", "bytes=-1", "bytes=5-1"),
    "If-Modified-Since": near("Sat, 01 Jan 2022 00:00:00 GMT"),
    "X-Forwarded-For": near("192.0.2.7", "[2001:db8::1]:80", "fe80::1%eth0", "unknown", "1.2.3"),
    "Upgrade": near("websocket", "h2c"),
    "Cookie": near("session=x", "a=b"),
    "Sec-Fetch-Site": near("cross-site", "same-origin"),
    "Referer": near("https://shop.example/", "http://[", "//"),
}

some_headers = st.lists(st.sampled_from(sorted(HEADERS)), unique=True, max_size=8).flatmap(
    lambda names: st.fixed_dictionaries({name: HEADERS[name] for name in names})
)

# --- What may come back: a fixed value, or one of a grammar ---

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
TOKENS = rf"{TOKEN}(, {TOKEN})*"
ALLOWED_ORIGIN = r"https://([a-z0-9-]+\.)*shop\.example|http://localhost(:[0-9]+)?"
GRAMMAR = {
    "X-Request-ID": r"[A-Za-z0-9._-]{8,128}",
    "Access-Control-Allow-Origin": rf"\*|{ALLOWED_ORIGIN}",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": TOKENS,
    "Access-Control-Allow-Headers": TOKENS,
    "Access-Control-Expose-Headers": TOKENS,
    "Access-Control-Max-Age": "[0-9]+",
    "Allow": TOKENS,
    "Cache-Control": "no-store",
    "Content-Encoding": "zstd|br|gzip",
    "Content-Length": "[0-9]+",
    "Content-Range": r"bytes ([0-9]+-[0-9]+|\*)/[0-9]+",
    "Content-Type": r"(text/(html|plain)|application/(problem\+|health\+)?json)(; charset=utf-8)?",
    "Accept-Ranges": "bytes",
    "Date": r"\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT",
    "ETag": r'"v1(:(zstd|br|gzip))?"',
    "RateLimit": r'"[a-z0-9-]+";r=[0-9]+;t=[0-9]+',
    "RateLimit-Policy": r'"[a-z0-9-]+";q=[0-9]+;w=[0-9]+',
    "Vary": TOKENS,
    "X-RateLimit-Limit": "[0-9]+",
    "X-RateLimit-Remaining": "[0-9]+",
    "X-RateLimit-Reset": "[0-9]+",
}


def assert_each_header_is_meant(headers: Headers) -> None:
    for name, value in headers:
        assert name in GRAMMAR, name
        assert re.fullmatch(GRAMMAR[name], value, re.ASCII), (name, value)
        assert len(headers.getlist(name)) == 1, name


def respond(method: str, path: str, headers: dict[str, str]) -> TestResponse:
    # Straight into the environ, as a server decodes them: a client would refuse some.
    environ = {f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers}
    return APP.test_client(use_cookies=False).open(path, method=method, environ_overrides=environ)


def example_count(many: int) -> Callable[[Any], Any]:
    return settings(max_examples=many, deadline=None)


@example_count(500)
@given(st.sampled_from(METHODS), st.sampled_from(PATHS), some_headers)
def test_no_header_fails_a_request_or_is_echoed_unread(
    method: str, path: str, headers: dict[str, str]
) -> None:
    response = respond(method, path, headers)
    assert response.status_code in {200, 204, 206, 304, 403, 404, 405, 406, 412, 416}
    assert_each_header_is_meant(response.headers)
    assert len(response.headers.getlist("X-Request-ID")) == 1


preflights = st.fixed_dictionaries(
    {name: HEADERS[name] for name in ("Origin", "Access-Control-Request-Method")},
    optional={"Access-Control-Request-Headers": HEADERS["Access-Control-Request-Headers"]},
)


@example_count(300)
@given(st.sampled_from(PATHS), preflights)
def test_a_preflight_is_granted_whole_or_not_at_all(path: str, headers: dict[str, str]) -> None:
    response = respond("OPTIONS", path, headers)
    assert response.status_code in {204, 403}
    assert_each_header_is_meant(response.headers)
    granted = any(name.startswith("Access-Control-") for name, _ in response.headers)
    assert granted == (response.status_code == 204)


@example_count(300)
@given(HEADERS["Accept-Encoding"], HEADERS["If-None-Match"])
def test_a_body_is_only_ever_encoded_as_the_client_takes_it(accepted: str, tags: str) -> None:
    headers = {"Accept-Encoding": accepted, "If-None-Match": tags}
    coding = respond("GET", "/tagged", headers).headers.get("Content-Encoding")
    named = [element.partition(";")[0].strip().lower() for element in accepted.split(",")]
    assert coding is None or coding in named or f"x-{coding}" in named or "*" in named


CHANGING = re.compile("Content-Length|X-Request-ID|Date|(X-)?RateLimit.*")


@example_count(300)
@given(st.sampled_from(["/", "/tagged", "/stream", "/nowhere"]), some_headers)
def test_head_is_described_as_get(path: str, headers: dict[str, str]) -> None:
    head, get = (respond(method, path, headers).headers for method in ("HEAD", "GET"))
    assert head.get("Content-Length") in (None, get.get("Content-Length"))
    described, sent = (
        [(name, value) for name, value in found if not CHANGING.fullmatch(name)]
        for found in (head, get)
    )
    assert described == sent
