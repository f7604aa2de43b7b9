"""Limits on functions that are no views: they are met when the function is called."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask import Response
from flask.views import MethodView

from flask_rf import ConfigurationError
from flask_rf import Limiter
from flask_rf.ratelimit.commands import limits_command
from tests.ratelimit.worlds import statuses


def finished(function: Callable[..., Any]) -> Callable[..., Any]:
    """As Flask makes a view of a coroutine function, of one that waits for nothing."""

    def run(*args: object, **values: object) -> object:
        try:
            function(*args, **values).send(None)
        except StopIteration as end:
            return end.value

    return run


pytestmark = pytest.mark.usefixtures("standing_clock")


def test_a_helper_is_limited_at_each_endpoint_that_calls_it(app: Flask) -> None:
    limiter = Limiter(app)

    @limiter.limit("1/minute")
    def mail(to: str) -> str:
        return f"mail to {to}"

    app.add_url_rule("/a", "a", lambda: mail("ann"))
    app.add_url_rule("/b", "b", lambda: mail(to="bob"))
    assert app.test_client().get("/a").text == "mail to ann"
    assert app.test_client().get("/b").text == "mail to bob"

    refused = app.test_client().get("/a")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_a_guard_of_a_blueprint_is_limited(app: Flask) -> None:
    limiter, account = Limiter(app), Blueprint("account", __name__)
    account.before_request(limiter.limit("2/minute")(lambda: None))
    account.add_url_rule("/login", "login", lambda: "", methods=["POST"])
    app.register_blueprint(account)

    assert statuses(app, "/login", 3, method="POST") == [200, 200, 429]


def test_what_is_decorated_within_a_request_is_limited(app: Flask) -> None:
    limiter = Limiter(app)

    @app.get("/a")
    def a() -> str:
        return limiter.limit("1/minute")(lambda: "a")()

    assert statuses(app, "/a", 2) == [200, 429]


def test_a_view_is_counted_once_and_again_where_another_calls_it(app: Flask) -> None:
    limiter = Limiter(app)
    cheap = limiter.limit("2/minute")(lambda: "cheap")
    app.add_url_rule("/cheap", "cheap", cheap)
    app.add_url_rule("/other", "other", cheap)
    app.add_url_rule("/home", "home", lambda: cheap() + cheap())

    assert statuses(app, "/cheap", 3) + statuses(app, "/other", 3) == [200, 200, 429] * 2
    assert statuses(app, "/home", 2) == [200, 429]


def test_a_method_of_a_view_class_is_counted_once_and_again_where_another_calls_it(
    app: Flask,
) -> None:
    limiter = Limiter(app)

    class Orders(MethodView):
        @limiter.limit("2/minute")
        def get(self) -> str:
            return "orders"

        def post(self) -> str:
            return self.get()

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))

    for method in ("GET", "POST"):
        assert statuses(app, "/orders", 3, method=method) == [200, 200, 429]


def test_coroutine_functions_are_limited_when_they_are_called(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = Limiter(app)
    monkeypatch.setattr(app, "async_to_sync", finished)

    @limiter.limit("2/minute")
    async def mail() -> str:
        return "mail"

    @app.get("/a")
    async def a() -> str:
        return await mail()

    app.add_url_rule("/mail", "mail", mail)

    assert statuses(app, "/a", 3) + statuses(app, "/mail", 3) == [200, 200, 429] * 2


def test_several_limits_of_a_function_are_counted_together_or_not_at_all(app: Flask) -> None:
    limiter = Limiter(app)

    @limiter.limit("9/hour")
    @limiter.limit("1/minute")
    def mail() -> str:
        return "mail"

    app.add_url_rule("/a", "a", mail.__call__)
    client = app.test_client()
    quotas = [client.get("/a").headers["RateLimit"] for _ in range(3)]

    assert client.get("/a").status_code == 429
    assert all('"9-per-hour";r=8' in quota for quota in quotas)


def test_equal_limits_of_a_view_and_of_what_it_calls_are_counted_apart(app: Flask) -> None:
    limiter = Limiter(app)
    limit = limiter.limit("2/minute")
    first, second = limit(lambda: "1"), limit(len)
    app.add_url_rule("/a", "a", limit(lambda: f"{first()}{second('')}"))

    assert statuses(app, "/a", 3) == [200, 200, 429]


def test_the_terms_of_a_limit_hold_for_a_call(app: Flask) -> None:
    limiter = Limiter(app)

    @limiter.limit(
        "1/minute",
        methods=["POST"],
        deduct_when=lambda response: response.status_code == 401,
        on_breach=lambda decision: Response("slowly", 503),
    )
    def check(right: bool) -> int:
        return 200 if right else 401

    app.add_url_rule("/right", "a", lambda: ("", check(True)), methods=["GET", "POST"])
    app.add_url_rule("/wrong", "b", lambda: ("", check(False)), methods=["GET", "POST"])

    assert statuses(app, "/right", 3, method="POST") == [200] * 3
    assert statuses(app, "/wrong", 3) == [401] * 3
    assert statuses(app, "/wrong", 2, method="POST") == [401, 503]


def test_what_a_filter_lets_pass_is_not_counted_in_the_middle_either(app: Flask) -> None:
    limiter = Limiter(app)
    limiter.request_filter(lambda request: "free" in request.args)
    mail = limiter.limit("1/minute")(lambda: "mail")

    @app.get("/a")
    def a() -> str:
        with limiter.limit("1/hour"):
            return mail()

    assert statuses(app, "/a?free", 2) + statuses(app, "/a", 2) == [200, 200, 200, 429]


def test_outside_of_requests_and_of_apps_set_up_a_call_is_a_call(app: Flask) -> None:
    limiter, other = Limiter(app), Flask("other")

    @limiter.limit("1/minute")
    async def later() -> str:
        return "mail"

    mail = limiter.limit("1/minute")(lambda: "mail")
    other.add_url_rule("/a", "a", lambda: mail())
    Limiter(third := Flask("third")).limit("9/minute")
    third.add_url_rule("/a", "a", lambda: mail())

    assert mail() + mail() + finished(later)() == "mail" * 3
    with app.app_context():
        assert mail() + mail() == "mail" * 2
    assert statuses(other, "/a", 2) + statuses(third, "/a", 2) == [200] * 4


def test_a_mistake_on_a_function_that_is_no_view_stops_the_start(app: Flask) -> None:
    limiter = Limiter(app)
    mail = limiter.limit("api")(lambda: "mail")

    with pytest.raises(ConfigurationError, match=r"lambda>='api': no limiter is defined"):
        limiter.check()
    assert mail() == "mail"


def test_the_command_lists_what_is_limited_when_called(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Limiter(app)

    @limiter.limit("1/minute", methods=["POST"])
    def mail() -> str:
        return "mail"

    with caplog.at_level(logging.INFO, "flask_rf"):
        output = app.test_cli_runner().invoke(limits_command).output

    assert "mail()  (when called)  1/minute by client" in output
    assert "mail is on no route: calls meet it" in caplog.text
    assert mail() == "mail"


def test_what_is_no_function_stays_itself_and_is_reported_where_no_route_leads(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    limiter, forgotten = Limiter(app), Blueprint("forgotten", __name__)

    with caplog.at_level(logging.WARNING, "flask_rf"):
        assert limiter.limit("1/minute")(forgotten) is forgotten
        limiter.check()

    assert "forgotten is on no route" in caplog.text
