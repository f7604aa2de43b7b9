from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask import request

from flask_rf import ConfigurationError
from flask_rf import Limiter
from flask_rf.ratelimit.familiar import by_our_names
from flask_rf.ratelimit.familiar import with_terms
from flask_rf.ratelimit.limit import as_limits


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"default_limits": ["5/minute"]}, {"default": ["5/minute"]}),
        ({"storage_uri": None, "headers_enabled": None}, {}),
        ({"storage_uri": "redis://one/0"}, {"redis_url": "redis://one/0"}),
        ({"storage_uri": "memory://", "storage_options": {"any": 1}}, {"backend": "memory"}),
        ({"swallow_errors": True}, {"on_error": "allow"}),
        ({"swallow_errors": False}, {}),
        ({"in_memory_fallback_enabled": True, "swallow_errors": True}, {"on_error": "local"}),
        ({"swallow_errors": True, "on_error": "deny"}, {"on_error": "deny"}),
        ({"fail_on_first_breach": False}, {}),
        ({"retry_after": "delta-seconds"}, {}),
        ({"key_prefix": "", "in_memory_fallback": [], "meta_limits": None}, {}),
        ({"enabled": False, "strategy": "gcra"}, {"enabled": False, "strategy": "gcra"}),
    ],
    ids=str,
)
def test_their_options_have_our_names(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    assert by_our_names(theirs) == (ours, {"default": {}, "application": {}})


@pytest.mark.parametrize(
    ("uri", "options", "url"),
    [
        ("redis://one/0", {"socket_keepalive": True}, "redis://one/0?socket_keepalive=True"),
        ("rediss://one?db=1", {"password": "a b&"}, "rediss://one?db=1&password=a+b%26"),
    ],
)
def test_options_of_the_storage_go_in_the_url(uri: str, options: Any, url: str) -> None:
    assert by_our_names({"storage_uri": uri, "storage_options": options})[0] == {"redis_url": url}
    assert (
        Limiter(Flask("shop"), storage_uri=uri, storage_options=options).given["redis_url"] == url
    )


@pytest.mark.parametrize(
    ("option", "value", "instead"),
    [
        ("storage_options", {"socket_timeout": 1}, "after the ? of the URL"),
        ("key_prefix", "shop", "set RF_PREFIX"),
        ("retry_after", "http-date", "Retry-After is in seconds"),
        ("in_memory_fallback", ["1/minute"], "the same limits go on"),
        ("meta_limits", ["1/day"], "5/minute; 50/day"),
        ("request_identifier", lambda: "", "scope="),
        ("header_name_mapping", {1: "X-Left"}, "X-RateLimit-…"),
    ],
)
def test_an_option_that_would_be_lost_is_refused_with_what_to_do_instead(
    option: str, value: Any, instead: str
) -> None:
    with pytest.raises(TypeError, match=f"has no option '{option}': ") as refused:
        Limiter(**{option: value})
    assert instead in str(refused.value)


def test_options_of_the_storage_that_are_no_text_are_refused() -> None:
    with pytest.raises(TypeError, match="has no option 'storage_options': write plain values"):
        Limiter(storage_uri="redis://one", storage_options={"connection_pool": object()})


@pytest.mark.parametrize("source", ["argument", "setting"])
def test_terms_of_a_group_are_those_of_its_limits(app: Flask, source: str) -> None:
    limits = {"default_limits": ["4/minute", lambda: "40/minute"]} if source == "argument" else {}
    app.config["RATE_LIMIT_DEFAULT"] = "4/minute"
    Limiter(
        app,
        **limits,
        default_limits_cost=2,
        default_limits_exempt_when=lambda: "X-Robot" in request.headers,
    )
    app.add_url_rule("/", "index", lambda: "")
    client = app.test_client()
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/", headers={"X-Robot": "1"}).status_code == 200


def test_what_a_limit_says_itself_stays() -> None:
    said = (*as_limits("9/minute", {"cost": 3}), *as_limits(lambda: "9/minute", {"cost": 3}))
    assert with_terms(said, {"cost": 2}) == said


def test_a_limit_that_cannot_have_its_groups_cost_is_refused(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match="application_limits_cost=7 .* can never fit"):
        Limiter(app, application_limits=["5/minute"], application_limits_cost=7)


def test_a_setting_that_would_be_lost_is_refused_with_ours(app: Flask) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = "redis://:sesame@one/0"
    with pytest.raises(ConfigurationError, match="write RATE_LIMIT_REDIS_URL") as refused:
        Limiter(app=app)
    assert "sesame" not in str(refused.value)
