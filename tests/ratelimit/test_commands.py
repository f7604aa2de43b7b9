from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask

from flask_rf import Limiter
from flask_rf.ratelimit.commands import limits_command
from tests.parts.redis import RedisProcess


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(limits_command, arguments)


@pytest.fixture
def limited(app: Flask, redis_server: RedisProcess) -> Flask:
    limiter = Limiter(app, redis_url=redis_server.url, per_minute=100)
    app.add_url_rule("/a", "a", limiter.limit("5/minute", cost=2)(lambda: "a"))
    return app


def test_every_routes_limits_are_listed_and_explained(app: Flask) -> None:
    limiter = Limiter(app, unrouted="9/minute")

    @limiter.define("api")
    def api_limits() -> str:
        return "5/minute"

    marks = {
        "named": limiter.limit("api"),
        "shared": limiter.shared_limit("7/hour", "both", strategy="token-bucket"),
        "odd": limiter.limit(
            "5/minute", cost=2, deduct_when=bool, exempt_when=bool, shadow=True, on_error="deny"
        ),
        "busy": limiter.concurrency(3),
        "keyed": limiter.limit("5/day", key_func=run),
    }
    for name, mark in marks.items():
        app.add_url_rule(f"/{name}", name, mark(lambda: "x"))
    app.add_url_rule("/free", "free", lambda: "x")

    lines = [line.split(maxsplit=2) for line in run(app).output.splitlines()]

    listed = {line[0]: line[-1] for line in lines}
    assert listed["named"].endswith("api_limits() says in the request")
    assert listed["shared"] == "7/hour by client, token-bucket, counted together as 'both'"
    assert listed["odd"] == (
        "5/minute by client, sliding-window, costs 2, given back unless the response counts, "
        "not always, refuses nothing (shadow), without Redis: deny"
    )
    assert listed["busy"] == "3 at once by client, concurrency"
    assert listed["keyed"] == "5/day by run, sliding-window"
    assert listed["free"] == "no limit"
    assert "(no route)" in run(app).output


def test_what_a_client_has_left_is_shown(limited: Flask) -> None:
    limited.test_client().get("/a")

    output = run(limited, "show", "127.0.0.1").output

    assert "5/minute, sliding-window" in output
    assert "3 of 5" in output
    assert "99 of 100" in output


def test_an_ipv6_client_is_found_by_any_address_of_its_network(limited: Flask) -> None:
    limited.test_client().get("/a", environ_base={"REMOTE_ADDR": "2001:db8::1"})

    assert "3 of 5" in run(limited, "show", "2001:db8::ffff").output


def test_a_client_nobody_saw_has_nothing(limited: Flask) -> None:
    assert run(limited, "show", "192.0.2.*").output == "Nothing is counted for 192.0.2.*.\n"


def test_a_client_whose_key_looks_like_ours_is_shown(
    app: Flask, redis_server: RedisProcess
) -> None:
    limiter = Limiter(app, redis_url=redis_server.url)
    key = "a:w9/9:all:{b}"
    app.add_url_rule("/a", "a", limiter.limit("5/minute", key_func=lambda: key)(lambda: "a"))
    app.test_client().get("/a")

    assert "5/minute, sliding-window  a        4 of 5" in run(app, "show", key).output


def test_a_long_scope_is_shown_as_it_is(app: Flask, redis_server: RedisProcess) -> None:
    limiter, endpoint = (
        Limiter(app, redis_url=redis_server.url),
        "warehouse.list_orders_of_customer",
    )
    app.add_url_rule("/a", endpoint.replace(".", "_"), limiter.limit("5/minute")(lambda: ""))
    app.test_client().get("/a")
    assert endpoint.replace(".", "_") in run(app, "show", "127.0.0.1").output


def test_counts_of_a_scope_that_a_function_says_are_shown_and_cleared(
    app: Flask, redis_server: RedisProcess
) -> None:
    limiter = Limiter(app, redis_url=redis_server.url)
    shared = limiter.shared_limit("5/minute", scope=lambda endpoint: "db")
    app.add_url_rule("/a", "a", shared(lambda: ""))
    other = limiter.limit("7/minute", key_func=lambda: "ann|127.0.0.1")
    app.add_url_rule("/b", "b", other(lambda: ""))
    client = app.test_client()
    client.get("/a"), client.get("/b")
    output = run(app, "show", "127.0.0.1").output
    assert "4 of 5" in output and "7/minute" not in output
    assert "what test_counts_of_a_scope" in run(app).output and " at 0x" not in run(app).output
    assert run(app, "clear", "127.0.0.1").output == "Cleared 1 count of 127.0.0.1.\n"
    assert client.get("/a").headers["X-RateLimit-Remaining"] == "4"
    assert client.get("/b").headers["X-RateLimit-Remaining"] == "5"


def test_a_client_is_cleared(limited: Flask) -> None:
    client = limited.test_client()
    assert [client.get("/a").status_code for _ in range(3)] == [200, 200, 429]

    assert run(limited, "clear", "127.0.0.1").output == "Cleared 2 counts of 127.0.0.1.\n"

    assert client.get("/a").status_code == 200


def test_counts_by_hand_are_shown(limited: Flask, redis_server: RedisProcess) -> None:
    with limited.app_context():
        limiter = Limiter(redis_url=redis_server.url)
        limiter._apps.add(limited)
        limiter.hit("ann")

    assert "by hand" in run(limited, "show", "ann").output


def test_counts_in_memory_are_out_of_reach(app: Flask) -> None:
    Limiter(app)

    result = run(app, "show", "ann")

    assert result.exit_code == 1
    assert "set REDIS_URL" in result.output


def test_clearing_without_redis_is_an_error(app: Flask) -> None:
    Limiter(app, redis_url="redis://127.0.0.1:1/0")

    result = run(app, "clear", "ann")

    assert result.exit_code == 1
    assert "Redis does not answer" in result.output


def test_an_app_without_limiter_is_told_so(app: Flask) -> None:
    assert "add Limiter(app)" in run(app).output
