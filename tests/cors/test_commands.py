from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask

from flask_rf.cors.commands import cors_command

from .page import SHOP
from .page import shop


def explain(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(cors_command, arguments)


def test_an_allowed_request_is_explained_by_its_headers(app: Flask) -> None:
    shop(app, methods=["PUT"], allow_headers=["X-A"], expose_headers=["ETag"])
    result = explain(app, SHOP, "PUT", "/orders", "--header", "X-A")
    assert result.exit_code == 0
    assert "The preflight is answered with 204:" in result.output
    assert "Access-Control-Allow-Methods: GET, HEAD, POST, PUT" in result.output
    assert "The response carries:" in result.output
    assert "Access-Control-Expose-Headers: ETag" in result.output


@pytest.mark.parametrize(("method", "status"), [("put", 0), ("patch", 1)])
def test_rule_23_a_method_is_asked_for_as_a_browser_does(
    app: Flask, method: str, status: int
) -> None:
    shop(app, methods=["PUT", "PATCH"])
    assert explain(app, SHOP, method, "/orders").exit_code == status


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("https://evil.example", "GET", "/"), "the origin 'https://evil.example' is not allowed"),
        ((SHOP, "PUT", "/"), "the method 'PUT' is not allowed"),
        ((SHOP, "GET", "/", "--header", "X-B"), "the headers ['x-b'] are not allowed"),
        ((SHOP, "GET", "/static/x"), "no policy covers '/static/x'"),
    ],
)
def test_a_refusal_is_explained(app: Flask, arguments: tuple[str, ...], reason: str) -> None:
    shop(app, resources={"/": {}, "/static": {}} if "/static/x" not in arguments else ["/api"])
    result = explain(app, *arguments)
    assert result.exit_code == 1
    assert reason in result.output


def test_an_app_without_cors_is_told_how_to_set_it_up(app: Flask) -> None:
    result = explain(app, SHOP, "GET", "/")
    assert result.exit_code == 1
    assert "set CORS_ORIGINS" in result.output
