"""CORS as pages of other origins meet it, on responses and preflights of a whole app."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import abort
from flask import Flask
from flask import redirect
from flask import request
from flask import Response

from flask_rf import ConfigurationError
from flask_rf import CORS
from flask_rf import cross_origin
from flask_rf import hooks
from flask_rf import RequestID
from flask_rf import SetupError
from tests.conftest import Logged

from .page import cors_headers
from .page import Page
from .page import SHOP
from .page import shop

EVIL = "https://evil.example"


def test_rule_01_an_allowed_origin_gets_itself_back(app: Flask) -> None:
    assert cors_headers(shop(app).request()) == {"Allow-Origin": SHOP}


def test_rule_02_a_denied_origin_gets_no_cors_header(app: Flask) -> None:
    shop(app, supports_credentials=True, expose_headers=["ETag"])
    response = Page(app, EVIL).request()
    assert response.status_code == 200
    assert cors_headers(response) == {}


def test_rule_02_a_denied_origin_gets_none_even_where_a_view_wrote_it(app: Flask) -> None:
    app.add_url_rule("/own", view_func=lambda: ("", {"access-control-allow-origin": "*"}))
    page = shop(app)
    assert cors_headers(page.request(path="/own")) == {"Allow-Origin": SHOP}
    assert "Access-Control-Allow-Origin" not in Page(app, EVIL).request(path="/own").headers


@pytest.mark.parametrize(("origin", "lines"), [(SHOP, [SHOP]), (EVIL, [])])
def test_rule_01_a_preflight_keeps_nothing_that_the_app_wrote(
    app: Flask, origin: str, lines: list[str]
) -> None:
    @app.after_request
    def write(response: Response) -> Response:
        response.headers.add("Access-Control-Allow-Origin", "*")
        return response

    shop(app)
    response = Page(app, origin).preflight("GET")
    assert response.headers.getlist("Access-Control-Allow-Origin") == lines


@pytest.mark.parametrize("origin", [SHOP, EVIL, None])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_rule_03_every_response_varies_by_origin(
    app: Flask, origin: str | None, method: str
) -> None:
    shop(app)
    assert Page(app, origin).request(method).headers.getlist("Vary") == ["Origin"]


@pytest.mark.parametrize("origin", [SHOP, EVIL])
def test_rule_03_preflights_vary_by_origin(app: Flask, origin: str) -> None:
    shop(app)
    assert Page(app, origin).preflight("GET").headers.getlist("Vary") == ["Origin"]


def test_rule_04_without_an_origin_nothing_is_allowed(app: Flask) -> None:
    shop(app)
    assert cors_headers(Page(app, None).request()) == {}


@pytest.mark.parametrize("origin", [SHOP, "null", None])
def test_rule_05_star_is_literal_and_never_varies(app: Flask, origin: str | None) -> None:
    CORS(app, origins="*")
    response = Page(app, origin).request()
    assert cors_headers(response) == {"Allow-Origin": "*"}
    assert "Vary" not in response.headers


def test_rule_07_null_is_allowed_where_it_is_listed(app: Flask) -> None:
    CORS(app, origins=["null"])
    assert cors_headers(Page(app, "null").request()) == {"Allow-Origin": "null"}
    assert cors_headers(Page(app, SHOP).request()) == {}


def test_rule_08_credentials_are_exactly_true(app: Flask) -> None:
    page = shop(app, supports_credentials=True)
    assert cors_headers(page.request()) == {"Allow-Origin": SHOP, "Allow-Credentials": "true"}
    assert cors_headers(page.preflight("GET"))["Allow-Credentials"] == "true"


def test_rule_10_a_regular_expression_stands_for_whole_origins(app: Flask) -> None:
    CORS(app, origins=re.compile(r"https?://(\w+\.)?shop\.example"))
    assert cors_headers(Page(app, "http://x.shop.example").request())
    assert not cors_headers(Page(app, f"{SHOP}.evil.example").request())


@pytest.mark.parametrize("missing", ["Origin", "Access-Control-Request-Method"])
def test_rule_17_a_preflight_is_options_with_origin_and_method(app: Flask, missing: str) -> None:
    shop(app, methods=["PUT"])
    sent = {"Origin": SHOP, "Access-Control-Request-Method": "PUT"}
    assert app.test_client().options("/", headers=sent).status_code == 204
    assert app.test_client().get("/", headers=sent).data == b"hello"
    del sent[missing]
    assert app.test_client().options("/", headers=sent).status_code == 200


def test_rule_17_the_announced_method_finds_the_view_and_its_policy(app: Flask) -> None:
    @app.get("/orders")
    def listed() -> str:
        return "listed"

    @app.put("/orders")
    @cross_origin(origins=EVIL, methods=["PUT"])
    def replaced() -> str:
        return "replaced"

    page = shop(app)
    assert page.may("GET", path="/orders")
    assert not page.may("PUT", path="/orders")
    assert Page(app, EVIL).may("PUT", path="/orders")
    assert cors_headers(Page(app, EVIL).request("PUT", "/orders")) == {"Allow-Origin": EVIL}
    assert cors_headers(Page(app, EVIL).request("GET", "/orders")) == {}


def test_rule_18_options_without_a_method_announced_reaches_the_app(app: Flask) -> None:
    app.add_url_rule("/own", view_func=lambda: "mine", methods=["OPTIONS"], endpoint="own")
    response = shop(app).request("OPTIONS", "/own")
    assert response.data == b"mine"
    assert cors_headers(response) == {"Allow-Origin": SHOP}


def test_rule_19_a_preflight_is_answered_before_the_apps_own_functions(app: Flask) -> None:
    app.before_request(lambda: abort(401))
    page = shop(app)
    app.before_request(lambda: abort(401))
    assert page.may("POST")
    assert page.request("POST").status_code == 401


def test_rule_19_a_preflight_is_answered_though_a_url_preprocessor_aborts(app: Flask) -> None:
    app.url_value_preprocessor(lambda endpoint, values: abort(404))
    page = shop(app, methods=["PUT"])
    assert page.may("PUT")
    assert page.preflight("PUT").data == b""
    assert not page.may("DELETE")
    response = page.request()
    assert (response.status_code, cors_headers(response)) == (404, {"Allow-Origin": SHOP})


def test_rule_19_the_apps_after_request_functions_see_the_answer_given_once(
    app: Flask, caplog: pytest.LogCaptureFixture, logged: Logged
) -> None:
    def sign(response: Response) -> Response:
        response.headers["X-Signed"] = "yes"
        return response

    app.after_request(sign)
    page = shop(app)
    with caplog.at_level(logging.INFO, "flask_rf"):
        refused = page.preflight("PUT")
    assert (refused.status_code, refused.headers["X-Signed"]) == (403, "yes")
    assert len(logged()) == 1


def test_rule_20_a_preflight_never_reaches_the_limiter(app: Flask) -> None:
    counted: list[str] = []
    hooks.place(app, "limiter", before=lambda: counted.append(request.method))
    page = shop(app)
    assert page.may("POST") and not page.may("PUT")
    page.request("GET")
    assert counted == ["GET"]


def test_rule_21_success_is_204_without_a_body(app: Flask) -> None:
    response = shop(app).preflight("GET")
    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Length" not in response.headers
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize(
    ("origin", "method", "name"), [(EVIL, "GET", "x-a"), (SHOP, "PUT", "x-a"), (SHOP, "GET", "x-b")]
)
def test_rule_22_failure_is_403_and_silent(app: Flask, origin: str, method: str, name: str) -> None:
    shop(app, allow_headers=["X-A"])
    response = Page(app, origin).preflight(method, name)
    assert (response.status_code, response.data) == (403, b"")
    assert cors_headers(response) == {}


@pytest.mark.parametrize(
    ("origin", "method", "name", "reason"),
    [
        (EVIL, "GET", "x-a", "the origin 'https://evil.example' is not allowed"),
        (SHOP, "PUT", "x-a", "the method 'PUT' is not allowed"),
        (SHOP, "GET", "x-b", "the headers ['x-b'] are not allowed"),
        (SHOP, "GET", "x b", "Access-Control-Request-Headers is malformed or too long"),
    ],
)
def test_rule_22_in_debug_mode_a_failure_says_which_check_failed(
    app: Flask, origin: str, method: str, name: str, reason: str
) -> None:
    shop(app, allow_headers=["X-A"])
    app.debug = True
    response = Page(app, origin).preflight(method, name)
    assert response.text == reason + "\n"
    assert response.mimetype == "text/plain"
    assert cors_headers(response) == {}


def test_rule_27_headers_may_be_asked_for_in_several_lines(app: Flask) -> None:
    page = shop(app, allow_headers=["Content-Type", "X-A"])
    assert page.may("POST", "CONTENT-TYPE ,", " x-a,,")
    assert cors_headers(page.preflight("POST", "x-a"))["Allow-Headers"] == "Content-Type, X-A"


@pytest.mark.parametrize(
    ("seconds", "sent"),
    [(None, None), (0, "0"), (86400, "86400"), (timedelta(minutes=5), "300")],
)
def test_rule_31_max_age_stands_where_it_is_given(
    app: Flask, seconds: int | timedelta | None, sent: str | None
) -> None:
    page = shop(app, max_age=seconds)
    assert cors_headers(page.preflight("GET")).get("Max-Age") == sent
    assert "Max-Age" not in cors_headers(page.request())


def test_rule_32_any_header_can_be_exposed_where_no_cookies_are_lent(app: Flask) -> None:
    assert cors_headers(shop(app, expose_headers="*").request())["Expose-Headers"] == "*"


def test_rule_33_exposed_headers_stand_on_actual_responses_only(app: Flask) -> None:
    page = shop(app, expose_headers=["ETag", "X-Total"])
    assert cors_headers(page.request())["Expose-Headers"] == "ETag, X-Total"
    assert "Expose-Headers" not in cors_headers(page.preflight("GET"))


def too_large() -> str:
    request.max_content_length = 1
    return str(request.get_data())


@pytest.mark.parametrize(
    ("status", "method", "view"),
    [
        *((code, "GET", lambda code=code: abort(code)) for code in (401, 403, 429)),
        (405, "DELETE", lambda: "never"),
        (404, "GET", None),
        (413, "POST", too_large),
        (500, "GET", lambda: 1 / 0),
        (302, "GET", lambda: redirect("/")),
        (304, "GET", lambda: Response(status=304)),
    ],
)
def test_rule_34_errors_and_redirects_carry_cors_headers(
    app: Flask, status: int, method: str, view: Callable[[], Any] | None
) -> None:
    if view is not None:
        app.add_url_rule("/x", view_func=view, endpoint="x", methods=["GET", "POST"])
    shop(app)
    response = app.test_client().open("/x", method=method, data=b"ab", headers={"Origin": SHOP})
    assert response.status_code == status
    assert cors_headers(response) == {"Allow-Origin": SHOP}
    assert response.headers.getlist("Vary") == ["Origin"]


def test_rule_34_a_function_after_the_request_that_always_fails_takes_none_away(
    app: Flask,
) -> None:
    app.after_request(lambda response: 1 / 0)
    app.add_url_rule("/x", view_func=lambda: "", endpoint="x")
    response = shop(app).request(path="/x")
    assert (response.status_code, cors_headers(response)) == (500, {"Allow-Origin": SHOP})


def test_rule_34_a_redirect_of_the_router_carries_cors_headers(app: Flask) -> None:
    app.add_url_rule("/folder/", view_func=lambda: "", endpoint="folder")
    response = shop(app).request(path="/folder")
    assert (response.status_code, cors_headers(response)) == (308, {"Allow-Origin": SHOP})


def test_rule_35_vary_is_merged_into_one_line(app: Flask) -> None:
    @app.get("/varied")
    def varied() -> Response:
        response = Response("")
        response.vary.add("Cookie")
        response.headers.add("Vary", "accept-encoding, ORIGIN")
        return response

    page = shop(app)
    assert page.request(path="/varied").headers.getlist("Vary") == [
        "Cookie, accept-encoding, ORIGIN"
    ]


def test_rule_35_vary_keeps_a_star(app: Flask) -> None:
    app.add_url_rule("/star", view_func=lambda: ("", {"Vary": "*"}), endpoint="star")
    assert shop(app).request(path="/star").headers.getlist("Vary") == ["*"]


def test_rule_36_handling_a_response_twice_changes_nothing(app: Flask) -> None:
    shop(app, supports_credentials=True, expose_headers=["ETag"])
    compiled = app.extensions["rf_cors"]
    with app.test_request_context(headers={"Origin": SHOP}):
        once = compiled.after(Response("")).headers.to_wsgi_list()
        twice = compiled.after(compiled.after(Response(""))).headers.to_wsgi_list()
    assert sorted(once) == sorted(twice)


def test_rule_36_an_error_after_the_headers_leaves_them_on_the_error(app: Flask) -> None:
    page = shop(app)
    first = app.after_request_funcs[None]
    first.insert(0, lambda response: 1 / 0)  # Flask runs the list backwards: this one is last.
    response = page.request()
    assert response.status_code == 500
    assert cors_headers(response) == {"Allow-Origin": SHOP}


def test_rule_37_resources_match_the_path_decoded_once(app: Flask) -> None:
    page = shop(app, resources={"/a b": {}})
    assert cors_headers(page.request(path="/a%20b/x"))
    assert not cors_headers(page.request(path="/a%2520b/x"))
    assert not cors_headers(page.request(path="/A%20b/x"))


def test_rule_37_the_most_specific_resource_decides_and_takes_the_rest_from_the_app(
    app: Flask,
) -> None:
    page = shop(
        app,
        max_age=60,
        resources={"/": {}, "/api": {"methods": ["PUT"], "max_age": 0}, "/open": {"origins": "*"}},
    )
    assert not page.may("PUT", path="/api2")
    assert page.may("PUT", path="/api/orders")
    assert cors_headers(page.preflight("GET", path="/api"))["Max-Age"] == "0"
    assert cors_headers(page.preflight("GET"))["Max-Age"] == "60"
    assert cors_headers(Page(app, EVIL).request(path="/open/x")) == {"Allow-Origin": "*"}
    assert cors_headers(Page(app, EVIL).request(path="/api")) == {}


@pytest.mark.parametrize("resources", ["/api, /v2", ["/api", "/v2"], {"/api": {}, "/v2": {}}])
def test_rule_37_paths_without_a_policy_are_left_to_the_app(app: Flask, resources: Any) -> None:
    page = shop(app, resources=resources)
    assert page.may("GET", path="/v2/x")
    elsewhere = page.preflight("GET")
    assert (elsewhere.status_code, cors_headers(elsewhere)) == (200, {})
    left_alone = page.request()
    assert (left_alone.status_code, cors_headers(left_alone)) == (200, {})
    assert "Vary" not in left_alone.headers


def test_rule_38_options_come_from_app_config_and_the_environment(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"https://*.other.example, {SHOP}")
    monkeypatch.setenv("CORS_RESOURCES", '{"/api": {"methods": ["PUT"]}}')
    app.config["CORS_SUPPORTS_CREDENTIALS"] = True
    CORS(app)
    assert Page(app).may("PUT", path="/api")
    assert cors_headers(Page(app, "https://x.other.example").request(path="/api")) == {
        "Allow-Origin": "https://x.other.example",
        "Allow-Credentials": "true",
    }


def test_rule_38_an_app_without_origins_is_not_configured(app: Flask) -> None:
    assert not CORS.configured(app)


@pytest.mark.parametrize("key", ["CORS_ORIGINS", "CORS_RESOURCES"])
def test_rule_38_an_app_with_origins_or_resources_is_configured(
    app: Flask, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(key, "{}")
    assert CORS.configured(app)


def test_rule_38_an_empty_setting_counts_as_configured(app: Flask) -> None:
    app.config["CORS_ORIGINS"] = []
    assert CORS.configured(app)


def test_rule_38_origins_from_a_file_count_as_configured(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "origins").write_text(SHOP + "\n")
    monkeypatch.setenv("CORS_ORIGINS_FILE", str(tmp_path / "origins"))
    assert CORS.configured(app)
    CORS(app)
    assert cors_headers(Page(app).request()) == {"Allow-Origin": SHOP}


def test_rule_38_a_misspelt_key_is_refused_where_cors_would_be_left_out(app: Flask) -> None:
    app.config["CORS_ORIGIN"] = SHOP
    with pytest.raises(ConfigurationError, match="write CORS_ORIGINS"):
        CORS.configured(app)


def test_rule_39_origins_and_paths_are_logged_escaped(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    shop(app)
    with caplog.at_level(logging.INFO, "flask_rf"):
        Page(app, "https://evil\x1b[31m").preflight("GET", path="/%0AERROR%20forged")
    assert r"'https://evil\x1b[31m'" in caplog.text
    assert r"'/\nERROR forged'" in caplog.text
    assert "\x1b" not in caplog.text


def test_rule_40_a_handshake_is_left_to_its_route_which_may_ask_the_policy(app: Flask) -> None:
    @app.route("/socket", websocket=True)
    def socket() -> Response:
        policy = app.extensions["rf_cors"]
        return Response(status=101 if policy.allows_origin(request.origin, request.path) else 403)

    page = shop(app, resources={"/": {}, "/open": {"origins": "*"}})
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert page.request(path="/socket", **handshake).status_code == 101
    assert Page(app, EVIL).request(path="/socket", **handshake).status_code == 403
    assert app.extensions["rf_cors"].allows_origin(EVIL, "/open/socket")


def test_rule_40_no_origin_may_use_a_path_without_a_policy(app: Flask) -> None:
    shop(app, resources=["/api"])
    assert not app.extensions["rf_cors"].allows_origin(SHOP, "/socket")


def test_rule_41_a_preflight_for_an_unknown_path_is_answered_as_for_a_known_one(
    app: Flask,
) -> None:
    page = shop(app, methods=["PUT"])
    known, unknown = page.preflight("PUT"), page.preflight("PUT", path="/unknown")
    assert known.headers.to_wsgi_list() == unknown.headers.to_wsgi_list()
    assert known.status_code == unknown.status_code == 204


def test_headers_of_other_features_are_exposed_whatever_the_order_of_set_up(app: Flask) -> None:
    page = shop(app, expose_headers=["ETag"])
    RequestID(app, header="X-Trace")
    assert cors_headers(page.request())["Expose-Headers"] == "ETag, X-Trace"


def test_the_headers_of_limits_are_exposed(app: Flask) -> None:
    page = shop(app)
    app.extensions["rf_limiter"] = object()
    exposed = cors_headers(page.request())["Expose-Headers"]
    assert exposed.startswith("Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, ")
    assert exposed.endswith(", X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset")


def test_private_network_access_is_not_granted(app: Flask) -> None:
    shop(app)
    sent = {"Origin": SHOP, "Access-Control-Request-Method": "GET"}
    sent["Access-Control-Request-Private-Network"] = "true"
    response = app.test_client().options("/", headers=sent)
    assert "Access-Control-Allow-Private-Network" not in response.headers


def test_a_second_set_up_is_refused(app: Flask) -> None:
    shop(app)
    with pytest.raises(SetupError, match="already"):
        CORS(app, origins="*")


def test_one_recipe_serves_several_apps(app: Flask) -> None:
    cors, other = CORS(origins=[SHOP]), Flask("other")
    cors.init_app(app)
    cors.init_app(other)
    other.add_url_rule("/", view_func=lambda: "", endpoint="hello")
    assert cors_headers(Page(app).request()) == cors_headers(Page(other).request())
