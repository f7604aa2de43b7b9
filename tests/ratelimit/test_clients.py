"""Whose request it is."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from flask import request

from flask_rf import Limiter
from flask_rf.ratelimit import get_remote_address
from tests.ratelimit.worlds import statuses


def test_clients_are_told_apart_by_address(app: Flask) -> None:
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")
    one, other = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}

    assert statuses(app, "/a", 1, environ_base=one) == [200]
    assert statuses(app, "/a", 1, environ_base=other) == [200]
    assert statuses(app, "/a", 1, environ_base=one) == [429]


def test_addresses_of_one_ipv6_network_are_one_client(app: Flask) -> None:
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")

    codes = [
        statuses(app, "/a", 1, environ_base={"REMOTE_ADDR": f"2001:db8::{n}"})[0] for n in range(3)
    ]

    assert codes == [200, 429, 429]


def test_the_ipv6_network_counted_as_one_client_can_be_set(app: Flask) -> None:
    Limiter(app, per_minute=1, ipv6_prefix=128)
    app.add_url_rule("/a", "a", lambda: "a")

    codes = [
        statuses(app, "/a", 1, environ_base={"REMOTE_ADDR": f"2001:db8::{n}"})[0] for n in range(3)
    ]

    assert codes == [200, 200, 200]


def test_forwarding_headers_count_behind_trusted_proxies_only(app: Flask) -> None:
    app.config["TRUSTED_PROXIES"] = "10.0.0.0/8"
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")

    def ask(peer: str, forwarded: str) -> int:
        return statuses(
            app,
            "/a",
            1,
            environ_base={"REMOTE_ADDR": peer},
            headers={"X-Forwarded-For": forwarded},
        )[0]

    assert [ask("10.0.0.1", "192.0.2.1"), ask("10.0.0.1", "192.0.2.2")] == [200, 200]
    assert [ask("192.0.2.9", "192.0.2.3"), ask("192.0.2.9", "192.0.2.4")] == [200, 429]


def test_an_app_may_say_whose_request_it_is(app: Flask) -> None:
    app.config["RATE_LIMIT_KEY"] = lambda: request.headers.get("X-Api-Key")
    Limiter(app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")

    assert statuses(app, "/a", 2, headers={"X-Api-Key": "ann"}) == [200, 429]
    assert statuses(app, "/a", 1, headers={"X-Api-Key": "bob"}) == [200]


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": ""}])
def test_a_missing_key_is_no_bypass_but_the_address(app: Flask, headers: dict[str, str]) -> None:
    Limiter(lambda: request.headers.get("X-Api-Key"), app=app, per_minute=1)
    app.add_url_rule("/a", "a", lambda: "a")

    assert statuses(app, "/a", 2, headers=headers) == [200, 429]


def test_a_key_function_may_take_the_request(app: Flask) -> None:
    limiter = Limiter(app)

    @app.get("/a")
    @limiter.limit("1/minute", key_func=lambda request: request.args["user"])
    def a() -> str:
        return "a"

    assert statuses(app, "/a?user=ann", 2) + statuses(app, "/a?user=bob", 1) == [200, 429, 200]


def test_the_clients_address_is_known_by_flask_limiters_name(app: Flask) -> None:
    app.config["TRUSTED_PROXIES"] = "10.0.0.0/8"

    with app.test_request_context(
        "/",
        environ_base={"REMOTE_ADDR": "10.0.0.1"},
        headers={"X-Forwarded-For": "192.0.2.1"},
    ):
        assert get_remote_address() == "192.0.2.1"


def test_requests_on_a_unix_socket_are_warned_of_once(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    Limiter(app, per_minute=9)
    with caplog.at_level(logging.WARNING, "flask_rf"):
        for _ in range(3):
            app.test_client().get("/", environ_base={"REMOTE_ADDR": ""})

    assert caplog.text.count("all clients are one") == 1
