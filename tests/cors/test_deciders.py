"""Origins that a function of the app's decides about."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask import request

from flask_rf import ConfigurationError
from flask_rf import CORS

from .page import cors_headers
from .page import Page
from .page import SHOP
from .page import shop

TENANT = "https://tenant.example"


def test_a_function_decides_anew_each_time(app: Flask) -> None:
    tenants: set[str] = set()
    CORS(app, origins=tenants.__contains__, methods=["PUT"])
    page = Page(app, TENANT)
    assert (cors_headers(page.request()), page.may("PUT")) == ({}, False)
    tenants.add(TENANT)
    assert (cors_headers(page.request()), page.may("PUT")) == ({"Allow-Origin": TENANT}, True)
    tenants.clear()
    assert (cors_headers(page.request()), page.may("PUT")) == ({}, False)


@pytest.mark.parametrize("origin", [TENANT, "https://evil.example", None])
def test_what_a_function_decided_is_kept_by_no_cache(app: Flask, origin: str | None) -> None:
    shop(app, origins=[lambda origin: origin == TENANT])
    assert Page(app, origin).request().headers.getlist("Vary") == ["Origin"]


def test_functions_stand_beside_other_origins_and_may_look_at_the_request(app: Flask) -> None:
    page = shop(app, origins=[SHOP, lambda origin: request.path == "/"])
    assert cors_headers(page.request(path="/x")) == {"Allow-Origin": SHOP}
    assert cors_headers(Page(app, TENANT).request()) == {"Allow-Origin": TENANT}
    assert cors_headers(Page(app, TENANT).request(path="/x")) == {}


@pytest.mark.parametrize("origin", ["null", "https://a.com, https://b.com", "https://" + 400 * "a"])
def test_a_function_is_asked_about_origins_only(app: Flask, origin: str) -> None:
    asked: list[str] = []
    shop(app, origins=asked.append)
    assert cors_headers(Page(app, origin).request()) == {}
    assert asked == []


def test_a_function_that_fails_denies_and_is_logged(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def look_up(origin: str) -> bool:
        raise OSError("the database is away")

    page = shop(app, origins=look_up)
    with caplog.at_level(logging.ERROR):
        response = page.request()
    assert (response.status_code, cors_headers(response)) == (200, {})
    assert "could not decide about 'https://shop.example', which is denied" in caplog.text


def test_cookies_are_lent_to_https_only_whatever_a_function_says(app: Flask) -> None:
    shop(app, origins=lambda origin: True, supports_credentials=True)
    assert cors_headers(Page(app, "http://tenant.example").request()) == {}
    lent = {"Allow-Origin": TENANT, "Allow-Credentials": "true"}
    assert cors_headers(Page(app, TENANT).request()) == lent


def test_a_function_decides_about_sockets_too(app: Flask) -> None:
    cors = CORS(app, origins=lambda origin: origin == TENANT)
    assert cors.compiled.allows_origin(TENANT, "/app/key")
    assert not cors.compiled.allows_origin(SHOP, "/app/key")


async def _later(origin: str) -> bool:
    return False


@pytest.mark.parametrize("origins", [_later, [SHOP, _later]])
def test_a_coroutine_would_always_be_true_and_is_refused(app: Flask, origins: Any) -> None:
    with pytest.raises(ConfigurationError, match="not async"):
        CORS(app, origins=origins)
