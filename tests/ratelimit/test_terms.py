"""The terms a limit may have, each by its effect on requests."""

from __future__ import annotations

import pytest
from flask import abort
from flask import Flask
from flask import g
from flask import request
from flask import Response

from flask_rf import ConfigurationError
from flask_rf import Limiter
from flask_rf.ratelimit import Limit
from flask_rf.signals import limit_denied
from flask_rf.signals import limit_hit
from flask_rf.signals import limit_near
from tests.ratelimit.worlds import statuses

pytestmark = pytest.mark.usefixtures("standing_clock")


@pytest.fixture
def limiter(app: Flask) -> Limiter:
    return Limiter(app)


def test_methods_share_a_limit_unless_told_otherwise(app: Flask, limiter: Limiter) -> None:
    for path, per_method in (("/one", False), ("/each", True)):
        mark = limiter.limit("1/minute", per_method=per_method)
        app.add_url_rule(path, path, mark(lambda: "x"), methods=["GET", "POST"])

    assert statuses(app, "/one", 1) + statuses(app, "/one", 1, "POST") == [200, 429]
    assert statuses(app, "/each", 1) + statuses(app, "/each", 1, "POST") == [200, 200]


def test_terms_that_would_fail_in_a_request_or_limit_nothing_are_refused(limiter: Limiter) -> None:
    with pytest.raises(ConfigurationError, match=r"methods='POST': write a list, like \['POST'\]"):
        limiter.limit("1/minute", methods="POST")
    with pytest.raises(ConfigurationError, match="cost is a whole number or a function, not '2'"):
        limiter.limit("3/minute", cost="2")(lambda: "a")  # type: ignore[arg-type]


def test_a_limit_may_hold_for_some_methods(app: Flask, limiter: Limiter) -> None:
    mark = limiter.limit("1/minute", methods=["post"])
    app.add_url_rule("/a", "a", mark(lambda: "a"), methods=["GET", "POST"])

    assert statuses(app, "/a", 3) == [200, 200, 200]
    assert statuses(app, "/a", 2, "POST") == [200, 429]


def test_a_shared_limit_counts_all_it_decorates(app: Flask, limiter: Limiter) -> None:
    shared = limiter.shared_limit("2/minute", scope="database")
    app.add_url_rule("/a", "a", shared(lambda: "a"))
    app.add_url_rule("/b", "b", shared(lambda: "b"))

    assert statuses(app, "/a", 2) + statuses(app, "/b", 1) == [200, 200, 429]


def test_a_scope_may_be_worked_out_in_the_request(app: Flask, limiter: Limiter) -> None:
    shared = limiter.shared_limit("1/minute", scope=lambda endpoint: request.args["shop"])
    app.add_url_rule("/a", "a", shared(lambda: "a"))
    app.add_url_rule("/b", "b", shared(lambda: "b"))

    assert statuses(app, "/a?shop=1", 1) + statuses(app, "/b?shop=1", 1) == [200, 429]
    assert statuses(app, "/b?shop=2", 1) == [200]


def test_a_request_may_cost_more_than_one(app: Flask, limiter: Limiter) -> None:
    app.add_url_rule("/a", "a", limiter.limit("5/minute", cost=2)(lambda: "a"))
    by_size = limiter.limit("5/minute", cost=lambda: int(request.args["size"]))
    app.add_url_rule("/b", "b", by_size(lambda: "b"))

    assert statuses(app, "/a", 3) == [200, 200, 429]
    assert [statuses(app, f"/b?size={size}", 1)[0] for size in (3, 3, 2, 9)] == [200, 429, 200, 429]


def test_a_cost_that_never_fits_is_refused(limiter: Limiter) -> None:
    with pytest.raises(ConfigurationError, match="write 0 to 5"):
        limiter.limit("5/minute", cost=6)(lambda: "x")


def test_some_requests_may_be_exempt(app: Flask, limiter: Limiter) -> None:
    mark = limiter.limit("1/minute", exempt_when=lambda: "staff" in request.args)
    app.add_url_rule("/a", "a", mark(lambda: "a"))

    assert statuses(app, "/a?staff", 3) + statuses(app, "/a", 2) == [200] * 4 + [429]


def test_a_filter_lets_requests_pass_everything(app: Flask, limiter: Limiter) -> None:
    app.add_url_rule("/a", "a", limiter.limit("1/minute")(lambda: "a"))

    @limiter.request_filter
    def staff() -> bool:
        return "staff" in request.args

    assert statuses(app, "/a?staff", 3) + statuses(app, "/a", 2) == [200] * 4 + [429]


def test_limits_may_be_known_only_in_the_request(app: Flask, limiter: Limiter) -> None:
    mark = limiter.limit(lambda: request.args.get("limit"))
    app.add_url_rule("/a", "a", mark(lambda: "a"))

    assert statuses(app, "/a?limit=2/minute", 3) == [200, 200, 429]
    assert statuses(app, "/a", 3) == [200, 200, 200]


def test_a_limit_worked_out_wrongly_names_its_place(app: Flask, limiter: Limiter) -> None:
    app.testing = True
    app.add_url_rule("/a", "a", limiter.limit(lambda: "5/mintue")(lambda: "a"))

    with pytest.raises(ConfigurationError, match="the limit of a='5/mintue'.*write minute"):
        app.test_client().get("/a")


def test_a_breach_may_be_answered_in_three_ways(app: Flask, limiter: Limiter) -> None:
    marks = {
        "text": limiter.limit("1/minute", error_message=lambda: "easy now"),
        "breach": limiter.limit(
            "1/minute", on_breach=lambda d: Response(f"{d.limit} {d.remaining}", 420)
        ),
        "respond": limiter.limit(
            Limit.per_minute(1).response(lambda request, headers: (headers["RateLimit"], 418))
        ),
    }
    for name, mark in marks.items():
        app.add_url_rule(f"/{name}", name, mark(lambda: "x"))

    answers = {name: [app.test_client().get(f"/{name}") for _ in range(2)][1] for name in marks}

    assert answers["text"].json["detail"] == "easy now"  # type: ignore[index]
    assert (answers["breach"].status_code, answers["breach"].text) == (420, "1/minute 0")
    assert answers["respond"].status_code == 418
    assert answers["respond"].text.startswith('"1-per-minute";r=0;t=')
    assert all(answer.headers["Retry-After"] == "60" for answer in answers.values())


def test_a_breach_function_of_the_app_answers_where_a_limit_has_none(app: Flask) -> None:
    Limiter(app, per_minute=1, on_breach=lambda decision: Response("busy", 503))
    app.add_url_rule("/a", "a", lambda: "a")

    assert statuses(app, "/a", 2) == [200, 503]


def test_a_breach_function_may_only_look(app: Flask) -> None:
    Limiter(app, per_minute=1, on_breach=lambda decision: None)
    app.add_url_rule("/a", "a", lambda: "a")

    assert statuses(app, "/a", 2) == [200, 429]


def test_a_block_of_a_view_can_be_limited(app: Flask, limiter: Limiter) -> None:
    @app.get("/a")
    def a() -> str:
        if "dear" in request.args:
            with limiter.limit("1/minute"):
                return "dear"
        return "cheap"

    assert statuses(app, "/a?dear", 2) + statuses(app, "/a", 2) == [200, 429, 200, 200]


def test_a_blocks_own_answer_to_a_breach_is_given(app: Flask, limiter: Limiter) -> None:
    @app.get("/a")
    def a() -> str:
        with limiter.limit("1/minute", on_breach=lambda decision: Response("busy", 503)):
            return "dear"

    assert statuses(app, "/a", 2) == [200, 503]


def test_a_blocks_typo_is_refused(app: Flask, limiter: Limiter) -> None:
    with app.test_request_context("/"), pytest.raises(ConfigurationError, match="write minute"):
        limiter.limit("5/mintue").__enter__()


def test_a_named_limiter_counts_its_routes_together(app: Flask, limiter: Limiter) -> None:
    app.add_url_rule("/a", "a", limiter.limit("api")(lambda: "a"))
    app.add_url_rule("/b", "b", limiter.limit("api")(lambda: "b"))

    @limiter.define("api")
    def api() -> Limit:
        return Limit.per_minute(2).by(request.args["user"])

    assert statuses(app, "/a?user=ann", 2) + statuses(app, "/b?user=ann", 1) == [200, 200, 429]
    assert statuses(app, "/b?user=bob", 1) == [200]


def test_a_named_limiter_may_give_several_limits_or_none(app: Flask, limiter: Limiter) -> None:
    app.add_url_rule("/a", "a", limiter.limit("api")(lambda: "a"))

    @limiter.define("api")
    def api(request: object) -> list[Limit] | None:
        if "staff" in g.get("roles", ()):
            return None
        return [Limit.per_minute(3), Limit.per_hour(2).by("everyone")]

    assert statuses(app, "/a", 3) == [200, 200, 429]


def test_laravels_after_is_deduct_when(app: Flask, limiter: Limiter) -> None:
    @limiter.define("missing")
    def missing() -> Limit:
        return Limit.per_minute(2).after(lambda response: response.status_code == 404)

    @app.get("/<name>")
    @limiter.limit("missing")
    def page(name: str) -> str:
        if name == "none":
            abort(404)
        return name

    assert statuses(app, "/some", 4) + statuses(app, "/none", 3) == [200] * 4 + [404, 404, 429]


def test_a_shadow_limit_lets_through_and_reports(app: Flask, limiter: Limiter) -> None:
    mark = limiter.limit("1/minute", shadow=True)
    app.add_url_rule("/a", "a", mark(lambda: "a"))
    denied = []

    def note(sender: Flask, shadow: bool, **facts: object) -> None:
        denied.append(shadow)

    with limit_denied.connected_to(note, app):
        assert statuses(app, "/a", 3) == [200, 200, 200]
    assert denied == [True, True]


def test_a_shadow_limit_is_not_told_to_clients(app: Flask, limiter: Limiter) -> None:
    shadow = limiter.limit("1/minute", shadow=True)
    app.add_url_rule("/alone", "alone", shadow(lambda: ""))
    app.add_url_rule("/beside", "beside", limiter.limit("100/minute")(shadow(lambda: "")))
    client = app.test_client()
    assert not [name for name, _ in client.get("/alone").headers if "RateLimit" in name]
    headers = client.get("/beside").headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("100", "99")
    assert headers["RateLimit-Policy"].count(";q=") == 1


def test_signals_tell_of_hits_denials_and_the_last_fifth(app: Flask, limiter: Limiter) -> None:
    app.add_url_rule("/a", "a", limiter.limit("5/minute")(lambda: "a"))
    told: list[tuple[object, ...]] = []

    def on_hit(sender: Flask, limit: str, key: str, remaining: int) -> None:
        told.append(("hit", limit, key, remaining))

    def on_near(sender: Flask, limit: str, key: str, remaining: int) -> None:
        told.append(("near", remaining))

    def on_denied(sender: Flask, limit: str, key: str, retry_after: float, shadow: bool) -> None:
        told.append(("denied", limit, round(retry_after), shadow))

    with (
        limit_hit.connected_to(on_hit, app),
        limit_near.connected_to(on_near, app),
        limit_denied.connected_to(on_denied, app),
    ):
        statuses(app, "/a", 6)

    hits = [("hit", "5/minute", "127.0.0.1", left) for left in (4, 3, 2, 1, 0)]
    assert told == [*hits[:4], ("near", 1), hits[4], ("denied", "5/minute", 60, False)]


def test_async_views_are_limited_like_others(
    app: Flask, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.get("/a")
    @limiter.limit("1/minute")
    async def a() -> str:
        return "a"

    def run(function: object) -> object:
        return lambda **values: "ran"

    monkeypatch.setattr(app, "async_to_sync", run)

    assert statuses(app, "/a", 2) == [200, 429]
