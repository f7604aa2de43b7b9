from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.cors.options import PolicyOptions
from flask_rf.cors.policy import Policy
from flask_rf.cors.policy import Preflight
from flask_rf.cors.tokens import is_token

A = "https://a.com"
CREDENTIALS = "Access-Control-Allow-Credentials"
METHODS = "Access-Control-Allow-Methods"
HEADERS = "Access-Control-Allow-Headers"


def policy(*origins: Any, **options: Any) -> Policy:
    return Policy(PolicyOptions(origins=origins or (A,), **options))


def asks(policy: Policy, method: str = "GET", names: str | None = None) -> Preflight:
    return policy.preflight(A, method, names)


def test_rule_05_any_origin_has_one_constant_answer() -> None:
    everyone = policy("*")
    assert everyone.actual(None) is everyone.actual(A)
    assert everyone.actual(A) == {"Access-Control-Allow-Origin": "*"}


def test_rule_05_a_preflight_gets_the_literal_star_as_well() -> None:
    assert asks(policy("*")).headers["Access-Control-Allow-Origin"] == "*"


def test_rule_01_a_preflight_gets_its_own_origin_back() -> None:
    several = policy(A, "https://*.b.com")
    for origin in (A, "https://x.b.com"):
        answer = several.preflight(origin, "GET", None)
        assert answer.headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize("dangerously", [False, True])
def test_rule_14_with_credentials_a_regular_expression_meets_https_only(
    credentials: bool, dangerously: bool
) -> None:
    either = policy(
        re.compile(r"https?://a\.com"),
        supports_credentials=credentials,
        dangerously_allow_insecure_origins=dangerously,
    )
    assert either.allows_origin("https://a.com")
    assert either.allows_origin("http://a.com") is (dangerously or not credentials)


def test_rule_08_credentials_stand_only_beside_an_allowed_origin() -> None:
    lending = policy(supports_credentials=True)
    assert lending.actual(A) == {"Access-Control-Allow-Origin": A, CREDENTIALS: "true"}
    assert asks(lending).headers[CREDENTIALS] == "true"
    assert lending.actual(None) == lending.actual("https://b.com") == {}
    assert lending.preflight("https://b.com", "GET", None).headers == {}


def test_rule_24_a_method_matches_as_a_whole_token() -> None:
    listed = policy(methods=("PUT", "PATCH"))
    for method in ("PU", "PUT,PATCH", "PUT, PATCH", "PATC", "", " PUT", "PUT\n"):
        assert asks(listed, method).refusal
    assert asks(listed, "PUT").refusal is asks(listed, "PATCH").refusal is None


def test_rule_23_methods_are_case_sensitive() -> None:
    assert asks(policy(methods=("PATCH",)), "patch").refusal
    assert asks(policy(), "get").refusal


def test_rule_23_a_configured_method_is_normalized_as_browsers_do() -> None:
    assert asks(policy(methods=("put",)), "PUT").refusal is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_rule_25_safelisted_methods_are_always_allowed(method: str) -> None:
    assert asks(policy(), method).refusal is None


def test_rule_26_any_method_is_literal_without_credentials() -> None:
    assert asks(policy(methods=("*",)), "PURGE").headers[METHODS] == "*"


def test_rule_26_any_method_is_echoed_with_credentials() -> None:
    lending = policy(methods=("*",), supports_credentials=True)
    assert asks(lending, "PURGE").headers[METHODS] == "PURGE"
    assert asks(lending, "PURGE, *").refusal


@pytest.mark.parametrize("credentials", [False, True])
def test_rule_26_methods_and_headers_that_are_listed_are_told_whole(credentials: bool) -> None:
    listing = policy(
        methods=("PUT",), allow_headers=("X-A", "X-B"), supports_credentials=credentials
    )
    answer = asks(listing, "PUT", "x-b").headers
    assert answer[METHODS] == "GET, HEAD, POST, PUT"
    assert answer[HEADERS] == "X-A, X-B"


def test_rule_28_one_disallowed_header_fails_the_whole_preflight() -> None:
    answer = asks(policy(allow_headers=("X-A",)), "GET", "x-a,x-b")
    assert answer == Preflight("the headers ['x-b'] are not allowed")


@pytest.mark.parametrize("credentials", [False, True])
def test_rule_29_any_header_does_not_cover_authorization(credentials: bool) -> None:
    most = policy(allow_headers=("*",), supports_credentials=credentials)
    assert asks(most, "GET", "x-a").refusal is None
    assert asks(most, "GET", "authorization,x-a").refusal
    every = policy(allow_headers=("*", "Authorization"), supports_credentials=credentials)
    assert asks(every, "GET", "authorization,x-a").refusal is None


def test_rule_29_authorization_is_listed_explicitly() -> None:
    every = policy(allow_headers=("*", "Authorization"))
    assert asks(every, "GET", "authorization,x-a").headers[HEADERS] == "*, Authorization"


def test_rule_30_with_credentials_any_header_is_echoed() -> None:
    lending = policy(allow_headers=("*",), supports_credentials=True)
    assert asks(lending, "GET", " X-A,,x-b ").headers[HEADERS] == "x-a, x-b"
    assert HEADERS not in asks(lending, "GET").headers
    assert asks(lending, "GET", "x-a, x b").refusal


def test_exposed_headers_are_listed_once() -> None:
    exposing = policy(expose_headers=("ETag",)).exposing(["X-Request-ID", "etag"])
    assert exposing.actual(A)["Access-Control-Expose-Headers"] == "etag, X-Request-ID"


def test_star_already_exposes_the_headers_of_flask_rf() -> None:
    exposing = policy(expose_headers=("*",)).exposing(["X-Request-ID"])
    assert exposing.actual(A)["Access-Control-Expose-Headers"] == "*"


@given(
    st.text() | st.just(A),
    st.text() | st.sampled_from(["GET", "PURGE"]),
    st.none() | st.text() | st.from_regex(r"[a-z, \n-]*", fullmatch=True),
    st.booleans(),
)
def test_no_preflight_raises_and_nothing_unchecked_is_echoed(
    origin: str, method: str, names: str | None, credentials: bool
) -> None:
    open_hearted = policy(
        A,
        re.compile("(?s).*"),
        methods=("*",),
        allow_headers=("*",),
        supports_credentials=credentials,
    )
    answer = open_hearted.preflight(origin, method, names)
    assert bool(answer.refusal) != bool(answer.headers)
    for name, value in answer.headers.items():
        assert value.isascii() and value.isprintable()
        if name in (METHODS, HEADERS):
            assert all(is_token(part) for part in value.split(", "))
