from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.cors.origins import AllowedOrigins
from flask_rf.cors.origins import allows_strangers
from flask_rf.cors.origins import is_serialized
from flask_rf.cors.origins import OriginPattern


def allowed(*written: str | re.Pattern[str], secure_only: bool = False) -> AllowedOrigins:
    return AllowedOrigins(written, secure_only)


def test_rule_07_null_matches_only_if_listed_literally() -> None:
    assert "null" in allowed("null")
    assert "null" not in allowed("https://a.com", "https://*.a.com", re.compile(".*"))


@pytest.mark.parametrize("origin", ["https://A.com", "HTTPS://a.com", "https://a.com:443"])
def test_rule_09_comparison_is_exact_and_case_sensitive(origin: str) -> None:
    assert "https://a.com" in allowed("https://a.com")
    assert origin not in allowed("https://a.com")


@pytest.mark.parametrize(
    "origin", ["https://a.com.evil.io", "https://a.community", "xhttps://a.com"]
)
def test_rule_10_a_regular_expression_must_match_the_whole_origin(origin: str) -> None:
    origins = allowed(re.compile(r"https://a\.com"))
    assert "https://a.com" in origins
    assert origin not in origins


def test_rule_10_an_anchor_that_tolerates_a_line_feed_does_not_help() -> None:
    assert "https://a.com\n" not in allowed(re.compile(r"https://a\.com$"))


@pytest.mark.parametrize("origin", ["https://x.a.com", "https://y.x.a.com", "https://x_1.a.com"])
def test_rule_11_a_wildcard_matches_subdomains_of_any_depth(origin: str) -> None:
    assert origin in allowed("https://*.a.com")


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.com",
        "https://xa.com",
        "https://.a.com",
        "https://x.a.com.evil.io",
        "https://x.a.com:8443",
        "https://x.axcom",
        "http://x.a.com",
        "https://evil.io/x.a.com",
        "https://evil.io?.a.com",
        "https://evil.io#.a.com",
        "https://evil.io@x.a.com",
        "https://evil.io\n.a.com",
    ],
)
def test_rule_11_a_wildcard_matches_nothing_else(origin: str) -> None:
    assert origin not in allowed("https://*.a.com")


@pytest.mark.parametrize("port", ["", ":443", ":844", ":8444", ":84433"])
def test_rule_11_a_wildcard_with_a_port_matches_that_port_alone(port: str) -> None:
    assert "https://x.a.com:8443" in allowed("https://*.a.com:8443")
    assert f"https://x.a.com{port}" not in allowed("https://*.a.com:8443")


@pytest.mark.parametrize("port", ["", ":80", ":3000", ":65535"])
def test_rule_12_a_port_wildcard_matches_any_port_or_none(port: str) -> None:
    assert f"http://localhost{port}" in allowed("http://localhost:*")
    assert f"http://x.localhost{port}" in allowed("http://*.localhost:*")


@pytest.mark.parametrize("port", [":", ":x", ":123456", ":1:2", "x", ".evil.io:80", ":8０"])
def test_rule_12_a_port_wildcard_matches_ports_only(port: str) -> None:
    assert f"http://localhost{port}" not in allowed("http://localhost:*")


@pytest.mark.parametrize(
    ("written", "correct"),
    [
        ("https://a.com/", "https://a.com"),
        ("https://a.com/path?query#fragment", "https://a.com"),
        ("https://user:password@a.com", "https://a.com"),
        ("https://a.com:443", "https://a.com"),
        ("http://a.com:80", "http://a.com"),
        ("https://a.com:", "https://a.com"),
        ("https://a.com:08443", "https://a.com:8443"),
        ("https://A.com", "https://a.com"),
        ("HTTPS://a.com", "https://a.com"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://*.Bücher.example/", "https://*.xn--bcher-kva.example"),
        ("http://[0:0::1]:8080", "http://[::1]:8080"),
    ],
)
def test_rule_13_the_correct_form_is_named(written: str, correct: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"write {correct!r}")):
        OriginPattern.parse(written)
    assert str(OriginPattern.parse(correct)) == correct


@pytest.mark.parametrize(
    "written",
    [
        *("", "a.com", "//a.com", "https:a.com", "https://", "https://:443", "file://"),
        *("https://*", "https://*a.com", "https://a.*.com", "https://*.*.com", "https://a.com:**"),
        *(
            "https://a b.com",
            "https://a..com",
            "https://.com",
            "https://(a|b).com",
            "^https://a.com",
        ),
        *(
            "https://1.2.3",
            "https://*.1.2.3.4",
            "https://*.0.0.1",
            "https://256.0.0.1",
            "https://[::1",
            "https://*.[::1]",
        ),
        *("file://server", f"https://{'a.' * 126}aa"),
        *("https://[fe80::1%25eth0]", "https://a.com:0", "https://a.com:65536", "https://a.com:x"),
        *(f"https://{'a' * 64}.com", f"https://{'a.' * 130}com", "1http://a.com"),
    ],
)
def test_rule_13_what_has_no_correct_form_is_refused_with_a_hint(written: str) -> None:
    with pytest.raises(ValueError, match="write scheme://host"):
        OriginPattern.parse(written)


@pytest.mark.parametrize(
    "written",
    [
        *("https://a.com", "http://localhost:3000", "http://127.0.0.1:*", "https://[2001:db8::1]"),
        *("https://a.com:1", "https://a.com:65535", f"https://{'a.' * 126}a"),
        *("chrome-extension://abcdefghijklmnop", "capacitor://localhost", "https://a.com."),
    ],
)
def test_rule_13_origins_as_browsers_send_them_are_taken(written: str) -> None:
    assert str(OriginPattern.parse(written)) == written


@pytest.mark.parametrize(
    ("written", "insecure"),
    [
        *(("http://a.com", True), ("http://10.0.0.1", True), ("http://evil-localhost", True)),
        *(("https://a.com", False), ("http://localhost:*", False), ("http://x.localhost", False)),
        *(("http://127.0.0.2", False), ("http://[::1]:80", False), ("app://a.com", False)),
    ],
)
def test_rule_14_plain_http_is_insecure_beyond_this_machine(written: str, insecure: bool) -> None:
    written = written.replace(":80", "")
    assert OriginPattern.parse(written).is_insecure is insecure


def test_rule_14_a_regular_expression_meets_secure_origins_only_where_it_must() -> None:
    anything = re.compile(r"https://a\.com|http://a\.com")
    assert "http://a.com" in allowed(anything)
    assert "http://a.com" not in allowed(anything, secure_only=True)
    assert "https://a.com" in allowed(anything, secure_only=True)


@pytest.mark.parametrize("suffix", ["com", "io", "co.uk", "github.io"])
def test_rule_15_a_regular_expression_is_tried_with_names_that_anybody_can_obtain(
    suffix: str,
) -> None:
    found = allows_strangers(re.compile(rf"https://[a-z-]+\.{re.escape(suffix)}"))
    assert found is not None and found.endswith(f".{suffix}")
    assert allows_strangers(re.compile(rf"https://[a-z-]+\.shop\.{re.escape(suffix)}")) is None


@pytest.mark.parametrize("origin", ["https://a.com, https://a.com", "https://a.com,https://b.com"])
def test_rule_16_a_joined_origin_is_denied(origin: str) -> None:
    assert origin not in allowed("https://a.com", "https://*.com", re.compile(".*"))


def test_rule_16_an_overlong_origin_is_denied_whatever_the_patterns() -> None:
    longest = "https://".ljust(327, "a")
    anything = allowed(re.compile(".*"))
    assert longest in anything
    assert longest + "a" not in anything


@pytest.mark.parametrize("rest", ["a" * 320, "a, https://" + "a" * 60])
def test_rule_16_no_pattern_is_run_on_an_origin_that_is_none(rest: str) -> None:
    takes_ages = re.compile("https://(a|a+|, https://)+b")
    assert f"https://{rest}" not in allowed(takes_ages)


@given(st.text() | st.from_regex(r"[a-z]+://[a-zA-Z0-9.:\[\]@/ ,\n-]*"))
def test_no_origin_raises_and_only_serialized_ones_pass(origin: str) -> None:
    if origin in allowed("https://*.a.com", "http://localhost:*", re.compile("(?s).*")):
        assert is_serialized(origin)
        assert origin.isascii() and origin.isprintable() and "," not in origin


@given(st.text() | st.from_regex(r"https?://[*.a-zA-Z0-9ü:\[\]@/-]*", fullmatch=True))
def test_a_configured_origin_is_refused_or_stands_as_it_was_written(written: str) -> None:
    try:
        pattern = OriginPattern.parse(written)
    except ValueError as error:
        assert "write " in str(error)
        return
    assert str(pattern) == written
    assert written.isascii() and written == written.lower()
    if pattern.is_single:
        assert is_serialized(written)


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}", fullmatch=True))
def test_a_wildcard_agrees_with_its_meaning(host: str) -> None:
    origin = f"https://{host}"
    assert (origin in allowed("https://*.a.com")) == (host.endswith(".a.com") and host != ".a.com")
