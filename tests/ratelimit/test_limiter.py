from __future__ import annotations

import time

import pytest
from flask import Flask
from flask import request
from flask import Response

from flask_rf import ConfigurationError
from flask_rf import Limiter
from flask_rf import SetupError
from flask_rf.hooks import exempt
from tests.ratelimit.worlds import statuses

pytestmark = pytest.mark.usefixtures("standing_clock")


def test_a_view_is_limited(app: Flask) -> None:
    limiter = Limiter(app)

    @app.get("/orders")
    @limiter.limit("2/minute")
    def orders() -> str:
        return "orders"

    assert statuses(app, "/orders", 3) == [200, 200, 429]


def test_a_typo_in_a_setting_is_refused_naming_it(app: Flask) -> None:
    app.config["RATE_LIMIT_DEFAULT"] = "5/mintue"

    with pytest.raises(ConfigurationError, match=r"RATE_LIMIT_DEFAULT='5/mintue'.*write minute"):
        Limiter(app)


def test_default_limits_hold_for_each_endpoint_by_itself(app: Flask) -> None:
    Limiter(app, default="1/minute")
    app.add_url_rule("/a", "a", lambda: "a")
    app.add_url_rule("/b", "b", lambda: "b")

    assert statuses(app, "/a", 2) + statuses(app, "/b", 2) == [200, 429, 200, 429]


def test_a_views_own_limit_replaces_the_defaults(app: Flask) -> None:
    limiter = Limiter(app, default="1/minute")
    app.add_url_rule("/a", "a", limiter.limit("2/minute")(lambda: "a"))

    assert statuses(app, "/a", 3) == [200, 200, 429]


def test_a_view_may_join_the_defaults(app: Flask) -> None:
    limiter = Limiter(app, default="1/minute")
    app.add_url_rule("/a", "a", limiter.limit("2/minute", override_defaults=False)(lambda: "a"))

    assert statuses(app, "/a", 2) == [200, 429]


def test_the_limit_per_minute_is_one_for_the_whole_app(app: Flask) -> None:
    app.config["RATE_LIMIT_PER_MINUTE"] = "3"
    limiter = Limiter(app)
    app.add_url_rule("/a", "a", lambda: "a")
    app.add_url_rule("/b", "b", limiter.limit("9/minute")(lambda: "b"))

    assert statuses(app, "/a", 2) + statuses(app, "/b", 2) == [200, 200, 200, 429]


def test_the_limit_per_minute_counts_404s_too(app: Flask) -> None:
    Limiter(app, per_minute=1)

    assert statuses(app, "/nowhere", 2) == [404, 429]


def test_requests_that_no_route_takes_can_be_limited_alone(app: Flask) -> None:
    Limiter(app, unrouted="2/minute")
    app.add_url_rule("/a", "a", lambda: "a")

    assert statuses(app, "/nowhere", 2) + statuses(app, "/a", 1, method="POST") == [404, 404, 429]
    assert statuses(app, "/a", 3) == [200, 200, 200]


def test_static_files_and_exempt_endpoints_are_outside_of_general_limits(app: Flask) -> None:
    Limiter(app, per_minute=1, default="1/minute")
    app.add_url_rule("/health", "health", lambda: "ok")
    exempt(app, "health")

    assert (
        statuses(app, "/health", 3) + statuses(app, "/static/none.css", 3) == [200] * 3 + [404] * 3
    )


def test_a_view_may_be_exempt(app: Flask) -> None:
    limiter = Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", limiter.exempt(lambda: "a"))

    assert statuses(app, "/a", 3) == [200, 200, 200]


def test_preflights_are_not_counted(app: Flask) -> None:
    limiter = Limiter(app, per_minute=2)
    app.add_url_rule("/a", "a", limiter.limit("1/minute")(lambda: "a"))
    asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}

    assert statuses(app, "/a", 5, method="OPTIONS", headers=asks) == [200] * 5
    assert statuses(app, "/a", 2) == [200, 429]


def test_a_preflight_does_not_slip_past_a_view_that_answers_options_itself(app: Flask) -> None:
    limiter = Limiter(app)
    app.add_url_rule("/a", "a", limiter.limit("1/minute")(lambda: "a"), methods=["OPTIONS"])
    asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}

    assert statuses(app, "/a", 2, method="OPTIONS", headers=asks) == [200, 429]


def test_an_options_request_flask_answers_costs_the_view_nothing(app: Flask) -> None:
    limiter = Limiter(app)
    app.add_url_rule("/a", "a", limiter.limit("1/minute")(lambda: "a"))

    assert statuses(app, "/a", 3, method="OPTIONS") + statuses(app, "/a", 1) == [200] * 4


def test_flask_limiters_names_of_options_are_understood(app: Flask) -> None:
    Limiter(
        lambda: "everyone",
        app=app,
        default_limits=["1/minute"],
        headers_enabled=False,
        strategy="moving-window",
    )
    app.add_url_rule("/a", "a", lambda: "a")

    assert statuses(app, "/a", 2) == [200, 429]


def test_flask_limiters_memory_uri_is_understood(app: Flask) -> None:
    app.config["REDIS_URL"] = "redis://127.0.0.1:1"
    limiter = Limiter(app=app, storage_uri="memory://", default_limits=["1/minute"])

    assert not limiter.compiled.store.shared


def test_only_an_app_with_a_limiter_can_be_checked(app: Flask) -> None:
    with pytest.raises(SetupError, match="not set up on the app 'shop'"):
        Limiter().check(app)


def test_an_unknown_option_is_refused_with_the_likely_one() -> None:
    with pytest.raises(TypeError, match="did you mean 'strategy'"):
        Limiter(stratgy="token-bucket")


def test_nothing_is_limited_where_the_limiter_is_off(app: Flask) -> None:
    app.config["RATE_LIMIT_ENABLED"] = "false"
    limiter = Limiter(app, per_minute=1)
    messages = limiter.socket("1/minute").gate("ann")

    @app.get("/a")
    def a() -> str:
        with limiter.limit("1/minute"):
            return str(limiter.current_limit)

    assert statuses(app, "/a", 3) == [200, 200, 200]
    assert [messages.allows() for _ in range(3)] == [True, True, True]


def test_one_limiter_on_two_apps_keeps_them_apart() -> None:
    limiter = Limiter()
    apps = [Flask("one"), Flask("two")]
    for count, app in enumerate(apps, 1):
        app.config["RATE_LIMIT_PER_MINUTE"] = count
        limiter.init_app(app)
        app.add_url_rule("/a", "a", lambda: "a")

    assert statuses(apps[0], "/a", 2) + statuses(apps[1], "/a", 3) == [200, 429, 200, 200, 429]


def test_an_app_is_limited_once(app: Flask) -> None:
    Limiter(app)

    with pytest.raises(SetupError, match="already set up"):
        Limiter(app)


def test_redis_without_a_url_is_refused(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match="set REDIS_URL or RATE_LIMIT_REDIS_URL"):
        Limiter(app, backend="redis")


def test_the_apps_own_functions_run_after_the_limiter(app: Flask) -> None:
    ran = []
    app.before_request(lambda: ran.append(request.path))
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")

    statuses(app, "/a", 3)

    assert ran == ["/a"]


def test_an_error_handler_of_the_app_answers_breaches(app: Flask) -> None:
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")
    app.register_error_handler(429, lambda error: Response(f"slow: {error.description}", 429))
    statuses(app, "/a", 1)

    response = app.test_client().get("/a")

    assert response.text == "slow: At most 1 request per minute may be made here."
    assert response.headers["Retry-After"] == "60"


def test_the_current_limits_are_known_to_the_view(app: Flask) -> None:
    limiter = Limiter(app)

    @app.get("/a")
    @limiter.limit("5/minute; 9/hour")
    def a() -> list[object]:
        current = limiter.current_limit
        assert current is not None
        limits = [str(decision.limit) for decision in limiter.current_limits]
        return [str(current.limit), current.remaining, current.key, limits]

    assert app.test_client().get("/a").json == [
        "5/minute",
        4,
        "127.0.0.1",
        ["5/minute", "9/hour"],
    ]


def test_the_current_limit_tells_what_flask_limiters_tells(app: Flask) -> None:
    limiter = Limiter(app)

    @app.get("/a")
    @limiter.shared_limit("5/minute", scope="all")
    def a() -> list[object]:
        current = limiter.current_limit
        assert current is not None
        reset_time, remaining = current.window
        return [current.shared, remaining, current.reset_at - reset_time]

    began = time.time()
    shared, remaining, later = app.test_client().get("/a").json

    assert (shared, remaining) == (True, 4)
    assert -1 < later < 1 + time.time() - began


def test_without_limits_there_is_no_current_one(app: Flask) -> None:
    limiter = Limiter(app)

    app.add_url_rule("/a", "a", lambda: [limiter.current_limit, limiter.current_limits])

    assert app.test_client().get("/a").json == [None, []]
