from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.cors.tokens import is_token
from flask_rf.cors.tokens import MAX_REQUESTED_LENGTH
from flask_rf.cors.tokens import MAX_REQUESTED_NAMES
from flask_rf.cors.tokens import method_remedy
from flask_rf.cors.tokens import normalize_method
from flask_rf.cors.tokens import request_header_remedy
from flask_rf.cors.tokens import requested_names
from flask_rf.cors.tokens import response_header_remedy


@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"])
def test_rule_23_browsers_normalize_six_methods(method: str) -> None:
    assert normalize_method(method.lower()) == normalize_method(method.title()) == method


@pytest.mark.parametrize("method", ["patch", "Patch", "purge", "PATCH"])
def test_rule_23_browsers_normalize_no_other_method(method: str) -> None:
    assert normalize_method(method) == method


@pytest.mark.parametrize(
    ("value", "names"),
    [
        *((None, []), ("", []), (" ,\t, ", []), ("x-a", ["x-a"]), ("X-A,x-b", ["x-a", "x-b"])),
        *(("x-a , \t x-b", ["x-a", "x-b"]), (",x-a,,x-b,", ["x-a", "x-b"])),
    ],
)
def test_rule_27_requested_names_tolerate_case_space_and_empty_elements(
    value: str | None, names: list[str]
) -> None:
    assert requested_names(value) == names


def test_rule_27_requested_names_are_bounded_in_number() -> None:
    most = ",".join(f"x-{i}" for i in range(MAX_REQUESTED_NAMES))
    assert len(requested_names(most) or ()) == MAX_REQUESTED_NAMES
    assert requested_names(most + ",x") is None


def test_rule_27_requested_names_are_bounded_in_length() -> None:
    assert requested_names("," * MAX_REQUESTED_LENGTH) == []
    assert requested_names("," * (MAX_REQUESTED_LENGTH + 1)) is None


@pytest.mark.parametrize(
    "value", ["x a", "x-a;b", "x-a\nx-b: c", "é", "x-a, (b)", "x\x00", "x" * 129]
)
def test_rule_30_a_name_that_is_no_token_fails_them_all(value: str) -> None:
    assert requested_names("x-good," + value) is None


@given(st.none() | st.text() | st.from_regex(r"[a-zA-Z0-9_, \t:\r\n-]*", fullmatch=True))
def test_rule_30_no_value_raises_and_only_tokens_come_back(value: str | None) -> None:
    assert all(is_token(name) and name == name.lower() for name in requested_names(value) or ())


@pytest.mark.parametrize(
    ("method", "remedy"),
    [
        *(("patch", "write 'PATCH'"), ("Purge", "write 'PURGE'"), ("P T", "no method")),
        *(("", "no method"), ("TRACE", "leave it out"), ("connect", "leave it out")),
        ("TRACK", "leave it out"),
    ],
)
def test_a_method_that_cannot_be_meant_gets_its_mend(method: str, remedy: str) -> None:
    assert remedy in (method_remedy(method) or "")


@pytest.mark.parametrize("method", ["*", "put", "PUT", "PATCH", "PURGE"])
def test_a_method_that_can_be_meant_has_no_mend(method: str) -> None:
    assert method_remedy(method) is None


@pytest.mark.parametrize(
    "name",
    [
        *("Cookie", "Sec-Fetch-Mode", "proxy-x", "Proxy-Authorization", "Host"),
        *("Access-Control-Allow-Origin", "X A", ""),
    ],
)
def test_a_header_no_page_can_send_is_refused(name: str) -> None:
    assert request_header_remedy(name)


@pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie2", "X:", ""])
def test_a_header_no_page_can_read_is_refused(name: str) -> None:
    assert response_header_remedy(name)


@pytest.mark.parametrize("name", ["*", "Content-Type", "authorization", "X-CSRF-Token"])
def test_headers_of_pages_are_taken(name: str) -> None:
    assert request_header_remedy(name) is response_header_remedy(name) is None
