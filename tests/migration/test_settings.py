from __future__ import annotations

from typing import Any

import flask_compress
import flask_cors
import flask_limiter
import pytest
from flask import Flask

from flask_rf.migration.settings import carried
from flask_rf.migration.settings import found_settings
from flask_rf.migration.settings import refusals


def fates(**written: Any) -> dict[str, str]:
    return {one.key: one.change.fate for one in found_settings(written)}


def test_each_setting_has_its_fate() -> None:
    assert fates(
        RATELIMIT_DEFAULT="5/minute",
        RATELIMIT_META="1/day",
        RATELIMIT_FAIL_ON_FIRST_BREACH=True,
        CORS_ORIGINS="*",
        COMPRESS_LEVEL=9,
        COMPRESS_CACHE_BACKEND=dict,
        PROMETHEUS_MULTIPROC_DIR="/tmp",
        SECRET_KEY="mine",
    ) == {
        "RATELIMIT_DEFAULT": "renamed",
        "RATELIMIT_META": "missing",
        "RATELIMIT_FAIL_ON_FIRST_BREACH": "not needed",
        "CORS_ORIGINS": "same",
        "COMPRESS_LEVEL": "same",
        "COMPRESS_CACHE_BACKEND": "differs",
        "PROMETHEUS_MULTIPROC_DIR": "same",
    }


@pytest.mark.filterwarnings("ignore:Using the in-memory storage")
def test_what_libraries_fill_in_by_themselves_is_passed_over(app: Flask) -> None:
    flask_limiter.Limiter(lambda: "", app=app)
    flask_cors.CORS(app)
    flask_compress.Compress(app)
    assert fates(**app.config) == {"RATELIMIT_STRATEGY": "renamed"}


@pytest.mark.parametrize(
    ("uri", "fate", "carries"),
    [
        ("memory://", "not needed", {}),
        ("redis://localhost/1", "renamed", {"RATE_LIMIT_REDIS_URL": "redis://localhost/1"}),
    ],
)
def test_a_storage_goes_over_if_it_is_a_redis(uri: str, fate: str, carries: Any) -> None:
    found = list(found_settings({"RATELIMIT_STORAGE_URI": uri}))
    assert found[0].change.fate == fate
    assert dict(carried(found)) == carries


@pytest.mark.parametrize(("swallows", "action"), [(True, "allow"), (False, "local")])
def test_errors_that_are_swallowed_become_a_policy(swallows: bool, action: str) -> None:
    found = list(found_settings({"RATELIMIT_SWALLOW_ERRORS": swallows}))
    assert dict(carried(found)) == {"RATE_LIMIT_ON_ERROR": action}


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ({"RATELIMIT_DEFAULT": "5 a minute"}, "write a count and a period"),
        ({"RATELIMIT_STORAGE_URI": "memcached://localhost"}, "write a URL like redis://"),
        ({"RATELIMIT_STRATEGY": "guess"}, "the strategies are"),
        ({"CORS_ORIGINS": r"https://.*\.shop\.example"}, "*. for subdomains"),
        ({"CORS_ORIGINS": "*", "CORS_SUPPORTS_CREDENTIALS": True}, "name the origins"),
        ({"CORS_RESOURCES": {r"/api/*": {"origins": "*"}}}, "write '/api'"),
        ({"COMPRESS_LEVEL": 99}, "write a whole number"),
        ({"COMPRESS_ALGORITHM": ["lzma"]}, "write some of zstd, br, gzip"),
    ],
    ids=str,
)
def test_what_cannot_go_over_as_it_is_is_refused_with_the_safe_form(
    written: dict[str, Any], remedy: str
) -> None:
    ((_, reason),) = refusals(list(found_settings(written)))
    assert remedy in reason


def test_what_can_go_over_is_not_refused() -> None:
    written = {
        "RATELIMIT_DEFAULT": "200 per day;50 per hour",
        "RATELIMIT_STRATEGY": "moving-window",
        "RATELIMIT_HEADERS_ENABLED": True,
        "RATELIMIT_STORAGE_URI": "redis+sentinel://one:26379,two:26379/mymaster",
        "CORS_ORIGINS": ["https://shop.example"],
        "CORS_RESOURCES": {"/api": {"origins": "*"}},
        "COMPRESS_MIMETYPES": ["text/html"],
    }
    assert list(refusals(list(found_settings(written)))) == []
