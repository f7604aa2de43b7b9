from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_rf import Limit
from flask_rf import Limiter
from flask_rf.ratelimit.responses import prefers_html

pytestmark = pytest.mark.usefixtures("standing_clock")

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def limited(app: Flask, limit: Any = "2/minute", accept: str = "*/*", **options: Any) -> Any:
    limiter = Limiter(app, **options)
    app.add_url_rule("/a", "a", limiter.limit(limit)(lambda: "a"))

    def get() -> TestResponse:
        return app.test_client().get("/a", headers={"Accept": accept})

    return get


def test_a_response_tells_what_is_left(app: Flask) -> None:
    began = time.time()
    headers = limited(app, "5/minute; 100/hour")().headers
    ended = time.time()

    assert headers["RateLimit-Policy"] == '"5-per-minute";q=5;w=60, "100-per-hour";q=100;w=3600'
    assert headers["RateLimit"] == '"5-per-minute";r=4;t=60, "100-per-hour";r=99;t=3600'
    assert headers["X-RateLimit-Limit"] == "5"
    assert headers["X-RateLimit-Remaining"] == "4"
    assert began + 60 <= int(headers["X-RateLimit-Reset"]) <= ended + 61


def test_the_older_headers_speak_of_the_limit_with_the_least_left(app: Flask) -> None:
    headers = limited(app, "100/hour; 5/minute; 50/day")().headers

    assert headers["X-RateLimit-Limit"] == "5"


def test_the_older_headers_speak_of_the_limit_that_denied(app: Flask) -> None:
    get = limited(app, ["1/minute", "1/hour", "1/second"])
    get()

    headers = get().headers

    assert headers["X-RateLimit-Limit"] == "1"
    assert headers["Retry-After"] == "3600"


def test_retry_after_is_on_refusals_only(app: Flask) -> None:
    get = limited(app, "1/minute")

    admitted, refused = get(), get()

    assert "Retry-After" not in admitted.headers
    assert refused.headers["Retry-After"] == "60"


def test_retry_after_stands_even_without_the_other_headers(app: Flask) -> None:
    get = limited(app, "1/minute", headers=False)
    get()

    headers = get().headers

    assert headers["Retry-After"] == "60"
    assert "RateLimit" not in headers
    assert "X-RateLimit-Limit" not in headers


def test_a_response_without_limits_has_no_headers_of_them(app: Flask) -> None:
    Limiter(app)
    app.add_url_rule("/b", "b", lambda: "b")

    assert "RateLimit" not in app.test_client().get("/b").headers


def test_programs_are_refused_with_a_problem(app: Flask) -> None:
    get = limited(app, "1/minute; 1/hour; 5/day")
    get()

    response = get()

    assert response.status_code == 429
    assert response.mimetype == "application/problem+json"
    assert response.json == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "At most 1 request per hour may be made here.",
        "violated-policies": ["1-per-minute", "1-per-hour"],
    }


def test_limits_of_one_rate_by_different_keys_have_names_of_their_own(app: Flask) -> None:
    by_user = Limit.per_minute(1).by("ann")
    get = limited(app, [Limit.per_minute(1), by_user, Limit.per_minute(9).by("ann")])

    headers = get().headers

    names = ['"1-per-minute"', '"1-per-minute-2"', '"9-per-minute"']
    for name in ("RateLimit-Policy", "RateLimit"):
        assert [item.partition(";")[0] for item in headers[name].split(", ")] == names
    assert get().json["violated-policies"] == ["1-per-minute", "1-per-minute-2"]


def test_what_is_met_in_the_middle_is_told_once_under_a_name_of_its_own(app: Flask) -> None:
    limiter = Limiter(app, default="5/minute")

    @app.get("/a")
    def a() -> str:
        for key in ("ann", "bob", "ann"):
            with limiter.limit("5/minute", key_func=key):
                pass
        return "a"

    quota = app.test_client().get("/a").headers["RateLimit"]

    assert quota.replace(";t=60", "").split(", ") == [
        '"5-per-minute";r=4',
        '"5-per-minute-2";r=3',
        '"5-per-minute-3";r=4',
    ]


def test_browsers_are_refused_with_a_page(app: Flask) -> None:
    get = limited(app, "1/minute", accept=CHROME)
    get()

    response = get()

    assert (response.status_code, response.mimetype) == (429, "text/html")
    assert "You can try again in 60 seconds." in response.text


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (CHROME, True),
        ("text/html", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
    ],
)
def test_who_would_rather_read_a_page(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html


def test_what_the_page_says_is_escaped(app: Flask) -> None:
    limiter = Limiter(app)
    marked = limiter.limit("1/minute", error_message="<b>slow</b>")
    app.add_url_rule("/a", "a", marked(lambda: "a"))
    client = app.test_client()
    client.get("/a")

    page = client.get("/a", headers={"Accept": "text/html"}).text

    assert "&lt;b&gt;slow&lt;/b&gt;" in page
