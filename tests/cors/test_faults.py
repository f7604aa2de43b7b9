"""What is refused when the app starts, as it is written: in arguments and settings."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from flask_rf import ConfigurationError
from flask_rf import CORS

A = "https://a.com"


def refusal(app: Flask, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        CORS(app, **options)
    assert "rf_cors" not in app.extensions
    return str(caught.value)


def with_credentials(app: Flask, *origins: Any, **options: Any) -> str:
    return refusal(app, origins=origins, supports_credentials=True, **options)


def test_rule_06_star_with_credentials_is_refused(app: Flask) -> None:
    assert "origins='*' (from the argument): name the origins" in with_credentials(app, "*")


def test_rule_07_null_with_credentials_is_refused(app: Flask) -> None:
    assert "name the origins" in with_credentials(app, "null")


def test_rule_13_a_malformed_origin_is_refused_naming_the_correct_form(app: Flask) -> None:
    assert "write 'https://a.com'" in refusal(app, origins=["https://A.com:443/"])


def test_rule_14_credentials_with_plain_http_are_refused(app: Flask) -> None:
    message = with_credentials(app, "http://a.com:8080")
    assert "write 'https://a.com:8080'" in message
    assert "dangerously_allow_insecure_origins" in message


def test_rule_14_the_danger_of_plain_http_can_be_taken(app: Flask) -> None:
    options = {"supports_credentials": True, "dangerously_allow_insecure_origins": True}
    CORS(app, origins=["http://a.com", re.compile(r"http://b\.com")], **options)


def test_rule_14_plain_http_without_credentials_is_fine(app: Flask) -> None:
    CORS(app, origins=["http://a.com"])


def test_rule_14_loopback_with_credentials_is_fine(app: Flask) -> None:
    CORS(app, origins=["http://localhost:*", "http://[::1]:3000"], supports_credentials=True)


@pytest.mark.parametrize("regex", [r".*\.a\.com", r"https?://a\.com", r"^http://a\.com"])
def test_rule_14_credentials_with_a_regular_expression_of_insecure_origins_are_refused(
    app: Flask, regex: str
) -> None:
    assert "with https://" in with_credentials(app, re.compile(regex))


@pytest.mark.parametrize("origin", ["https://*.com", "https://*.github.io", "https://*.co.uk:*"])
def test_rule_15_credentials_below_a_public_suffix_are_refused(app: Flask, origin: str) -> None:
    assert "dangerously_allow_public_suffixes" in with_credentials(app, origin)


def test_rule_15_the_danger_of_public_suffixes_can_be_taken(app: Flask) -> None:
    options = {"supports_credentials": True, "dangerously_allow_public_suffixes": True}
    CORS(app, origins=["https://*.github.io", re.compile("https://.*")], **options)


def test_credentials_with_a_regular_expression_of_ones_own_are_fine(app: Flask) -> None:
    CORS(app, origins=re.compile(r"https://(a|b)\.a\.com"), supports_credentials=True)


@pytest.mark.parametrize("regex", ["https://.*", r"https://.*\.github\.io", "https://.*a?.com"])
def test_rule_15_credentials_with_a_regular_expression_of_anybodys_origins_are_refused(
    app: Flask, regex: str
) -> None:
    assert "which anybody can register" in with_credentials(app, re.compile(regex))


@pytest.mark.parametrize("seconds", [-1, 86401, "a day", 1.5, True])
def test_rule_31_a_max_age_out_of_range_is_refused(app: Flask, seconds: Any) -> None:
    message = refusal(app, origins=[A], max_age=seconds)
    assert f"max_age={seconds!r}" in message
    assert "from 0 to 86400, or None" in message


def test_rule_32_exposing_star_with_credentials_is_refused(app: Flask) -> None:
    assert "name the headers" in with_credentials(app, A, expose_headers="*")


def test_rule_38_an_unknown_keyword_is_a_type_error(app: Flask) -> None:
    with pytest.raises(TypeError, match="did you mean 'origins'"):
        CORS(app, origin=A)


@pytest.mark.parametrize("name", ["vary_header", "send_wildcard", "always_send"])
def test_what_flask_cors_has_and_nobody_needs_is_refused_with_the_reason(
    app: Flask, name: str
) -> None:
    with pytest.raises(TypeError, match=f"no option '{name}': leave it out"):
        CORS(app, origins=A, **{name: True})
    assert "leave it out" in refusal(app, resources={"/api": {"origins": A, name: True}})


@pytest.mark.parametrize("written", [r"https://.*\.example\.com", ".*", "https://[a-z]+.a.com"])
def test_a_regular_expression_as_text_is_refused_naming_how_to_give_one(
    app: Flask, written: str
) -> None:
    assert "re.compile(...)" in refusal(app, origins=written)


@pytest.mark.parametrize("name", ["X-*", "X-.*"])
def test_a_star_within_a_name_is_refused(app: Flask, name: str) -> None:
    assert "write whole names" in refusal(app, origins=A, allow_headers=[name])


@pytest.mark.parametrize("nothing", [[], (), "", " , "])
def test_rule_38_an_empty_list_of_origins_is_refused(app: Flask, nothing: Any) -> None:
    assert "name at least one origin" in refusal(app, origins=nothing)


def test_rule_38_no_origins_at_all_are_refused(app: Flask) -> None:
    assert refusal(app) == (
        "CORS_ORIGINS=(): name at least one origin, like https://app.example.com"
    )


@pytest.mark.parametrize("wrong", [None, 7, b"https://a.com", {A: 1}, [A, 7], re.compile(b"a")])
def test_origins_of_another_type_are_refused(app: Flask, wrong: Any) -> None:
    assert "write origins like" in refusal(app, origins=wrong)


def test_star_beside_other_origins_is_refused(app: Flask) -> None:
    assert "write * alone" in refusal(app, origins=["*", A])


def test_every_fault_of_a_policy_is_named_in_one_error(app: Flask) -> None:
    message = refusal(
        app,
        origins=["https://A.com", "a.com"],
        methods=["patch"],
        allow_headers=["Cookie"],
        expose_headers=["Set-Cookie"],
        max_age=-1,
    )
    assert message.startswith("origins, methods, allow_headers, expose_headers, max_age=(")
    for mend in ("'https://a.com'", "scheme://host", "'PATCH'", "Cookie", "Set-Cookie", "86400"):
        assert mend in message


def test_a_setting_is_named_by_its_key_and_source(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.com/")
    assert refusal(app).startswith("CORS_ORIGINS='https://a.com/' (from the environment): ")


def test_faults_of_all_resources_are_named_where_they_stand(app: Flask) -> None:
    message = refusal(
        app,
        origins=[A],
        max_age=-1,
        resources={"/a": {"origins": "b.com"}, "/b": {"origin": A}, "/c": {"max_age": 0}},
    )
    assert message.count("86400") == message.count("-1") == 1
    assert "resources['/a']['origins'], max_age, resources['/b']['origin']=" in message
    assert "no such option; write origins" in message


def test_an_option_of_another_type_is_one_fault(app: Flask) -> None:
    message = refusal(app, resources={"/api": {"origins": 7}})
    assert message == (
        "resources['/api']['origins']=7: "
        "write origins like https://app.example.com, or give re.compile(...) or a function"
    )


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        *(("/api/*", "/api"), ("/api/", "/api"), ("api", "/api"), (r"^/api/.*$", "/api")),
        *(("*", "/"), ("//", "/"), ("/<int:id>", "/"), (r"/api/\d+", "/api")),
    ],
)
def test_rule_37_a_resource_that_is_no_path_is_refused(app: Flask, path: str, plain: str) -> None:
    message = refusal(app, origins=[A], resources={path: {}})
    assert f"resources={path!r} (from the argument): write {plain!r}" in message


@pytest.mark.parametrize("wrong", [7, {"/api": "x"}, {7: {}}, "{", '{"/api": 1}'])
def test_resources_of_another_type_are_refused(app: Flask, wrong: Any) -> None:
    assert "write a" in refusal(app, origins=[A], resources=wrong)
