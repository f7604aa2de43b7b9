"""Policies of views and blueprints, beside the app's."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask.views import MethodView

from flask_rf import ConfigurationError
from flask_rf import CORS
from flask_rf import cross_origin
from flask_rf import lifecycle
from flask_rf import RequestID
from flask_rf import RF
from flask_rf import SetupError

from .page import cors_headers
from .page import Page
from .page import SHOP
from .page import shop

EVIL = "https://evil.example"


@pytest.fixture
def blueprint() -> Blueprint:
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    blueprint.add_url_rule("/orders", "orders", lambda: "", methods=["GET", "PUT"])
    return blueprint


def test_a_decorated_view_keeps_its_policy_in_blueprints_and_classes(app: Flask) -> None:
    blueprint = Blueprint("api", __name__, url_prefix="/api")

    class Orders(MethodView):
        decorators = [cross_origin(origins=SHOP, methods=["PUT"])]

        def put(self, number: int) -> str:
            return str(number)

    blueprint.add_url_rule("/orders/<int:number>", view_func=Orders.as_view("orders"))
    app.register_blueprint(blueprint)
    CORS(app, resources={})
    assert Page(app).may("PUT", path="/api/orders/7")
    assert cors_headers(Page(app).request("PUT", "/api/orders/7")) == {"Allow-Origin": SHOP}
    assert cors_headers(Page(app).request()) == {}


@pytest.mark.parametrize("path", ["/unknown", "/folder", "/decorated"])
def test_a_preflight_that_finds_no_view_meets_the_policy_of_its_path(app: Flask, path: str) -> None:
    app.add_url_rule("/decorated", view_func=cross_origin(origins=EVIL)(lambda: ""), endpoint="d")
    app.add_url_rule("/folder/", view_func=lambda: "", endpoint="folder")
    page = shop(app, methods=["PUT"])
    assert page.may("PUT", path=path)
    assert not Page(app, EVIL).may("PUT", path=path)


def test_a_decorated_view_exposes_the_headers_of_other_features(app: Flask) -> None:
    app.add_url_rule("/x", view_func=cross_origin(origins="*")(lambda: ""), endpoint="x")
    RequestID(app)
    CORS(app, resources={})
    assert cors_headers(Page(app).request(path="/x"))["Expose-Headers"] == "X-Request-ID"


def test_a_decorated_view_may_be_asynchronous(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    async def view() -> str:
        return "never awaited here"

    monkeypatch.setattr(app, "async_to_sync", lambda function: lambda: "ran")
    app.add_url_rule("/x", view_func=cross_origin(origins=SHOP)(view))
    CORS(app, resources={})
    assert Page(app).request(path="/x").text == "ran"


def test_one_method_of_a_class_may_have_a_policy_of_its_own(app: Flask) -> None:
    class Orders(MethodView):
        def get(self) -> str:
            return "mine"

        @cross_origin(origins=SHOP, methods=["PUT"])
        def put(self) -> str:
            return "theirs"

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    CORS(app, resources={})
    page = Page(app)
    assert page.may("PUT", path="/orders")
    assert cors_headers(page.request("PUT", "/orders")) == {"Allow-Origin": SHOP}
    assert cors_headers(page.request("GET", "/orders")) == {}


def test_a_policy_on_get_is_for_head_too(app: Flask) -> None:
    class Orders(MethodView):
        @cross_origin(origins=SHOP)
        def get(self) -> str:
            return "mine"

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    CORS(app, resources={})
    assert cors_headers(Page(app).request("HEAD", "/orders")) == {"Allow-Origin": SHOP}


def test_a_blueprint_may_have_a_policy_of_its_own(app: Flask, blueprint: Blueprint) -> None:
    CORS(blueprint, origins=SHOP, methods=["PUT"])
    app.register_blueprint(blueprint)
    CORS(app, origins=EVIL)
    page = Page(app)
    assert page.may("PUT", path="/api/orders")
    assert cors_headers(page.request("PUT", "/api/orders")) == {"Allow-Origin": SHOP}
    assert cors_headers(page.request()) == {}
    assert not Page(app, EVIL).may("PUT", path="/api/orders")


def test_a_blueprint_has_its_policy_within_others_and_under_other_names(
    app: Flask, blueprint: Blueprint
) -> None:
    outer = Blueprint("outer", __name__, url_prefix="/v1")
    outer.add_url_rule("/news", "news", lambda: "")
    CORS(outer, origins=EVIL)
    CORS(blueprint, origins=SHOP)
    outer.register_blueprint(blueprint, name="renamed")
    app.register_blueprint(outer)
    CORS(app, resources={})
    assert cors_headers(Page(app).request(path="/v1/api/orders")) == {"Allow-Origin": SHOP}
    assert cors_headers(Page(app).request(path="/v1/news")) == {}
    assert cors_headers(Page(app, EVIL).request(path="/v1/news")) == {"Allow-Origin": EVIL}


def test_a_view_goes_before_its_blueprint(app: Flask, blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/own", "own", cross_origin(origins=SHOP)(lambda: ""))
    CORS(blueprint, origins=EVIL)
    app.register_blueprint(blueprint)
    CORS(app, resources={})
    assert cors_headers(Page(app).request(path="/api/own")) == {"Allow-Origin": SHOP}


def test_paths_are_no_option_of_a_blueprint(blueprint: Blueprint) -> None:
    with pytest.raises(ConfigurationError, match=r"^resources=.*CORS on the app"):
        CORS(blueprint, origins=SHOP, resources=["/api"])
    with pytest.raises(ConfigurationError, match=r"^CORS\(origins\)="):
        CORS(blueprint)


def test_a_decorated_view_without_cors_on_the_app_is_an_error(app: Flask) -> None:
    app.add_url_rule("/x", view_func=cross_origin(origins=SHOP)(lambda: ""), endpoint="x")
    app.testing = True
    with pytest.raises(SetupError, match="CORS_RESOURCES={}"):
        Page(app).request(path="/x")


def test_a_blueprints_policy_without_cors_on_the_app_is_an_error(
    app: Flask, blueprint: Blueprint
) -> None:
    CORS(blueprint, origins=SHOP)
    app.register_blueprint(blueprint)
    app.testing = True
    with pytest.raises(SetupError, match="CORS on the blueprint 'api' has no effect"):
        Page(app).request(path="/api/orders")


@pytest.mark.parametrize("options", [{}, {"cors": CORS(resources={})}])
def test_a_worker_does_not_start_with_policies_that_nobody_asks(
    app: Flask, blueprint: Blueprint, options: dict[str, Any]
) -> None:
    RF(app, broadcast=None, storage=None, metrics=None, **options)
    lifecycle.start_worker(1)
    CORS(blueprint, origins=SHOP)
    app.register_blueprint(blueprint)
    if options:
        lifecycle.start_worker(1)
        return
    with pytest.raises(SetupError, match="'api.orders' or of its blueprint has no effect"):
        lifecycle.start_worker(1)


def test_a_decorator_refuses_its_faults_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"^cross_origin\(origins\)="):
        cross_origin()
    with pytest.raises(TypeError, match="did you mean 'methods'"):
        cross_origin(origins=SHOP, method="PUT")
