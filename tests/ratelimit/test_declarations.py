"""Where limits may be declared, and which hold."""

from __future__ import annotations

import pytest
from flask import Blueprint
from flask import Flask
from flask.views import MethodView
from werkzeug.routing import Rule

from flask_rf import ConfigurationError
from flask_rf import Limiter
from tests.ratelimit.worlds import statuses


def test_the_decorator_may_stand_above_the_route(app: Flask) -> None:
    limiter = Limiter(app)

    @limiter.limit("1/minute")
    @app.get("/orders")
    def orders() -> str:
        return "orders"

    assert statuses(app, "/orders", 2) == [200, 429]


def test_a_route_that_takes_any_method_is_limited_for_all(app: Flask) -> None:
    limiter = Limiter(app, application="5/minute")
    app.url_map.add(Rule("/files", endpoint="files"))
    app.endpoint("files")(limiter.limit("2/minute")(lambda: "files"))

    answers = [app.test_client().open("/files", method=m) for m in ("PROPFIND", "LOCK", "PROPFIND")]

    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_a_typo_is_refused_on_decoration_naming_the_view_and_the_word() -> None:
    limiter = Limiter()

    def orders() -> str:
        return "orders"

    with pytest.raises(ConfigurationError, match=r"orders='5/mintue': .* write minute"):
        limiter.limit("5/mintue")(orders)


def test_a_blueprint_and_those_within_it_are_limited(app: Flask) -> None:
    limiter = Limiter(app)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    outer.add_url_rule("/a", "a", lambda: "a")
    inner.add_url_rule("/b", "b", lambda: "b")
    outer.register_blueprint(inner)
    limiter.limit("1/minute")(outer)
    app.register_blueprint(outer)

    assert statuses(app, "/a", 2) + statuses(app, "/b", 2) == [200, 429, 200, 429]


def test_a_nested_blueprints_limits_replace_its_parents(app: Flask) -> None:
    limiter = Limiter(app)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/b", "b", lambda: "b")
    outer.register_blueprint(inner)
    limiter.limit("1/minute")(outer)
    limiter.limit("2/minute")(inner)
    app.register_blueprint(outer)

    assert statuses(app, "/b", 3) == [200, 200, 429]


def test_a_blueprint_may_be_exempt_while_its_view_is_limited(app: Flask) -> None:
    limiter = Limiter(app, default="1/minute")
    pages = Blueprint("pages", __name__)
    pages.add_url_rule("/a", "a", lambda: "a")
    pages.add_url_rule("/b", "b", limiter.limit("2/minute")(lambda: "b"))
    limiter.exempt(pages)
    app.register_blueprint(pages)

    assert statuses(app, "/a", 3) == [200, 200, 200]
    assert statuses(app, "/b", 3) == [200, 200, 429]


def test_class_based_views_are_limited_as_a_whole_or_by_method(app: Flask) -> None:
    limiter = Limiter(app)

    class Orders(MethodView):
        decorators = [limiter.limit("3/minute")]

        def get(self) -> str:
            return "orders"

        @limiter.limit("1/minute", override_defaults=False)
        def post(self) -> str:
            return "made"

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))

    assert statuses(app, "/orders", 2, method="POST") == [200, 429]
    assert statuses(app, "/orders", 3) == [200, 200, 429]


def test_a_limit_on_a_view_class_holds(app: Flask) -> None:
    limiter = Limiter(app)

    @limiter.limit("1/minute")
    class Orders(MethodView):
        def get(self) -> str:
            return "orders"

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))

    assert statuses(app, "/orders", 2) == [200, 429]


def test_an_undefined_name_in_a_setting_is_blamed_on_the_setting(app: Flask) -> None:
    limiter = Limiter(app, default="api")

    with pytest.raises(ConfigurationError, match="RATE_LIMIT_DEFAULT='api': no limiter is defined"):
        limiter.check()


def test_more_requests_a_minute_than_can_be_counted_are_refused(app: Flask) -> None:
    app.config["RATE_LIMIT_PER_MINUTE"] = 60_000_001

    with pytest.raises(ConfigurationError, match="PER_MINUTE=60000001.* from 1 to 60000000"):
        Limiter(app)


def test_an_undefined_name_stops_the_start_naming_the_endpoint(app: Flask) -> None:
    limiter = Limiter(app)
    app.add_url_rule("/a", "a", limiter.limit("api")(lambda: "a"))

    with pytest.raises(ConfigurationError, match="a='api': no limiter is defined"):
        limiter.check()
