"""CORS behind a real server, which joins repeated lines and frames the body."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection
from http.client import HTTPResponse
from typing import Any

import pytest

from tests.parts.gunicorn import Gunicorn

pytestmark = pytest.mark.servers

PREFLIGHT = {"Origin": "https://a.com", "Access-Control-Request-Method": "PUT"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: Any) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn("tests.cors.served_app:app", tmp_path_factory.mktemp("cors"))
    yield gunicorn
    gunicorn.stop()


def send(served: Gunicorn, method: str, *lines: tuple[str, str]) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.putrequest(method, "/unknown")
    for name, value in lines:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_rule_21_a_preflight_succeeds_without_content_length(served: Gunicorn) -> None:
    response = send(served, "OPTIONS", *PREFLIGHT.items())
    assert response.status == 204
    assert response.headers["Content-Length"] is response.headers["Content-Type"] is None
    assert response.headers["Transfer-Encoding"] is None


@pytest.mark.parametrize("second", ["https://a.com", "https://x.b.com", "https://evil.example"])
def test_rule_16_a_repeated_origin_is_denied(served: Gunicorn, second: str) -> None:
    for first in ("https://a.com", "https://x.b.com"):
        response = send(served, "GET", ("Origin", first), ("Origin", second))
        assert response.headers["Access-Control-Allow-Origin"] is None
        assert response.headers.get_all("Vary") == ["Origin"]
        repeated = [*PREFLIGHT.items(), ("Origin", second)]
        assert send(served, "OPTIONS", *repeated).status == 403


def test_rule_27_headers_are_asked_for_in_several_lines(served: Gunicorn) -> None:
    lines = [("Access-Control-Request-Headers", name) for name in ("x-a", " X-B ,")]
    assert send(served, "OPTIONS", *PREFLIGHT.items(), *lines).status == 204
    lines += [("Access-Control-Request-Headers", "x-c")]
    assert send(served, "OPTIONS", *PREFLIGHT.items(), *lines).status == 403
