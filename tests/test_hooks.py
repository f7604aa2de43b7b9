from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask import Request
from flask import request_started
from flask import Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ

from flask_rf import hooks


class Diary:
    """Request functions that write down when they ran."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def before(self, name: str) -> Callable[[], None]:
        return lambda: self.entries.append(f"{name} in")

    def after(self, name: str) -> Callable[[Response], Response]:
        def write(response: Response) -> Response:
            self.entries.append(f"{name} out")
            return response

        return write

    def teardown(self, name: str) -> Callable[[BaseException | None], None]:
        return lambda error: self.entries.append(f"{name} torn down")

    def place(self, app: Flask, feature: str) -> None:
        hooks.place(app, feature, before=self.before(feature), after=self.after(feature))

    def keep_by(self, owner: Flask | Blueprint, name: str) -> None:
        owner.before_request(self.before(name))
        owner.after_request(self.after(name))


@pytest.fixture
def diary(app: Flask) -> Diary:
    diary = Diary()
    app.add_url_rule("/", view_func=lambda: diary.entries.append("view") or "ok")
    return diary


FEATURES = ("request_id", "compression", "cors", "limiter")

IN_ORDER = [
    *(f"{feature} in" for feature in FEATURES),
    *("app in", "view", "app out"),
    *(f"{feature} out" for feature in reversed(FEATURES)),
]


@pytest.mark.parametrize("order", list(permutations([*FEATURES, "app"])), ids=" ".join)
def test_the_order_of_set_up_changes_nothing(
    app: Flask, diary: Diary, order: tuple[str, ...]
) -> None:
    for who in order:
        if who == "app":
            diary.keep_by(app, who)
        else:
            diary.place(app, who)

    app.test_client().get("/")

    assert diary.entries == IN_ORDER


def test_every_feature_has_a_rank_of_its_own(app: Flask, diary: Diary) -> None:
    for feature in reversed(hooks.RANKS):
        diary.place(app, feature)

    app.test_client().get("/")

    assert [e for e in diary.entries if e.endswith(" in")] == [f"{r} in" for r in hooks.RANKS]


def test_functions_of_one_rank_run_in_the_order_they_were_placed(app: Flask, diary: Diary) -> None:
    hooks.place(app, "cors", before=diary.before("first"))
    hooks.place(app, "limiter", before=diary.before("last"))
    hooks.place(app, "cors", before=diary.before("second"))

    app.test_client().get("/")

    assert diary.entries == ["first in", "second in", "last in", "view"]


def test_a_blueprints_functions_stand_between_the_apps_and_the_view(
    app: Flask, diary: Diary
) -> None:
    shop = Blueprint("orders", __name__)
    diary.keep_by(shop, "blueprint")
    shop.add_url_rule("/orders", view_func=lambda: diary.entries.append("view") or "ok")
    app.register_blueprint(shop)
    diary.keep_by(app, "app")
    diary.place(app, "cors")

    app.test_client().get("/orders")

    assert diary.entries[:7] == [
        *("cors in", "app in", "blueprint in", "view"),
        *("blueprint out", "app out", "cors out"),
    ]


def test_callables_that_cannot_be_hashed_keep_their_places(app: Flask, diary: Diary) -> None:
    class Unhashable(list[str]):
        def __call__(self) -> None:
            diary.entries.append("unhashable in")

    hooks.place(app, "limiter", before=Unhashable())
    diary.place(app, "cors")

    app.test_client().get("/")

    assert diary.entries[:2] == ["cors in", "unhashable in"]


def test_callables_of_no_module_stand_behind_ours(app: Flask, diary: Diary) -> None:
    class Homeless:
        __module__ = None  # type: ignore[assignment]

        def __call__(self) -> None:
            diary.entries.append("homeless in")

    app.before_request(Homeless())
    diary.place(app, "cors")

    app.test_client().get("/")

    assert diary.entries[:2] == ["cors in", "homeless in"]


def test_one_function_in_each_of_flasks_lists_stands_for_all(app: Flask, diary: Diary) -> None:
    for feature in FEATURES:
        diary.place(app, feature)
    lists = (app.before_request_funcs, app.after_request_funcs)
    assert [len(functions[None]) for functions in lists] == [1, 1]


def test_what_is_found_to_need_an_end_has_it_in_the_same_request(app: Flask, diary: Diary) -> None:
    app.teardown_request(diary.teardown("app"))
    loan = diary.teardown("loan")
    app.add_url_rule("/lends", "lends", lambda: hooks.at_teardown(app, loan) or "")

    app.test_client().get("/lends")

    assert diary.entries == ["loan torn down", "app torn down"]


@pytest.mark.parametrize("order", list(permutations(["tracing", "cors", "app"])), ids=" ".join)
def test_opentelemetry_comes_before_everything(
    app: Flask, diary: Diary, order: tuple[str, ...]
) -> None:
    def tracing() -> None:
        diary.entries.append("span opened")

    tracing.__module__ = "opentelemetry.instrumentation.flask"
    set_up = {
        "tracing": lambda: app.before_request(tracing),
        "cors": lambda: diary.place(app, "cors"),
        "app": lambda: diary.keep_by(app, "app"),
    }
    for who in order:
        set_up[who]()

    app.test_client().get("/")

    assert diary.entries[:4] == ["span opened", "cors in", "app in", "view"]


def test_the_first_request_alone_looks_for_opentelemetry(app: Flask, diary: Diary) -> None:
    # Of this app alone: those of others may be collected at any time.
    before = set(request_started.receivers_for(app))
    diary.place(app, "cors")
    assert set(request_started.receivers_for(app)) > before
    app.test_client().get("/")
    assert set(request_started.receivers_for(app)) == before


def test_a_feature_that_answers_keeps_later_ones_and_the_app_out(app: Flask, diary: Diary) -> None:
    diary.keep_by(app, "app")
    diary.place(app, "limiter")
    hooks.place(app, "cors", before=lambda: "answered by cors")

    assert app.test_client().get("/").text == "answered by cors"

    assert "app in" not in diary.entries
    assert "limiter in" not in diary.entries


def test_to_place_after_the_first_request_is_refused(app: Flask, diary: Diary) -> None:
    app.test_client().get("/")
    with pytest.raises(AssertionError, match="flask_rf.cors"):
        diary.place(app, "cors")
    assert diary.entries == ["view"]


def test_two_apps_share_no_functions(app: Flask, diary: Diary) -> None:
    other = Flask("other")
    diary.place(other, "cors")
    app.test_client().get("/")
    assert diary.entries == ["view"]


def test_exempt_endpoints_add_up(app: Flask) -> None:
    assert hooks.exempt_endpoints(app) == set()
    hooks.exempt(app, "live", "ready")
    hooks.exempt(app, "socket")
    assert hooks.exempt_endpoints(app) == {"live", "ready", "socket"}
    assert hooks.exempt_endpoints(Flask("other")) == set()


# --- Headers ---


def test_an_added_header_stands_in_place_of_the_views_own(app: Flask) -> None:
    def after(response: Response) -> Response:
        hooks.add_headers(hooks.current_request(), response, {"x-shop": [("X-Shop", "ours")]})
        assert response.headers["X-Shop"] == "the view's", "Werkzeug would write it twice"
        return response

    hooks.place(app, "health", after=after)
    app.add_url_rule("/", view_func=lambda: ("", {"x-shop": "the view's", "X-Shop-2": "kept"}))
    headers = app.test_client().get("/").headers
    assert headers.getlist("X-Shop") == ["ours"]
    assert headers["X-Shop-2"] == "kept"


def test_what_is_called_as_a_response_starts_sees_its_end(app: Flask) -> None:
    def before() -> None:
        hooks.as_it_starts(hooks.current_request(), finish)

    def finish(status: str, headers: list[tuple[str, str]]) -> None:
        headers.append(("X-Seen", f"{status}, {len(headers)}"))

    hooks.place(app, "metrics", before=before)
    hooks.write_headers(app)
    app.add_url_rule("/", view_func=lambda: ("made", 201))
    hooks.place(app, "health", before=before)
    headers = app.test_client().get("/").headers
    ends = [f"201 CREATED, {len(headers) - 2}", f"201 CREATED, {len(headers) - 1}"]
    assert headers.getlist("X-Seen") == ends


def test_nothing_is_called_where_no_response_starts(app: Flask) -> None:
    hooks.write_headers(app)
    with app.test_request_context():
        hooks.as_it_starts(hooks.current_request(), lambda *started: pytest.fail("called"))
        assert app.full_dispatch_request().status_code == 404


# --- Vary ---


def vary(*lines: str) -> Response:
    return Response(headers=[("Vary", line) for line in lines])


def add_vary(response: Response, fields: list[str]) -> None:
    hooks.add_headers(Request(create_environ()), response, {}, fields)


@pytest.mark.parametrize(
    ("lines", "fields", "merged"),
    [
        ((), ["Origin"], ["Origin"]),
        (("Cookie",), ["Origin"], ["Cookie, Origin"]),
        (("Cookie", "Accept"), ["Origin"], ["Cookie, Accept, Origin"]),
        (("cookie,  ORIGIN",), ["Origin"], ["cookie, ORIGIN"]),
        (("Cookie, cookie",), ["Origin"], ["Cookie, Origin"]),
        (("Cookie", "COOKIE,Origin"), ["origin"], ["Cookie, Origin"]),
        ((", ,",), ["Origin"], ["Origin"]),
        (("*",), ["Origin"], ["*"]),
        (("Cookie, *",), ["Origin"], ["*"]),
        (("Cookie",), ["*"], ["*"]),
        (("",), ["Origin"], ["Origin"]),
        ((), [], []),
    ],
)
def test_vary_is_merged_into_one_line(
    lines: tuple[str, ...], fields: list[str], merged: list[str]
) -> None:
    response = vary(*lines)
    add_vary(response, fields)
    assert response.headers.getlist("Vary") == merged


names = st.sampled_from(["Origin", "origin", "Cookie", "Accept-Encoding", "*", "X-Shop"])


@given(st.lists(st.lists(names).map(", ".join)), st.lists(names))
def test_vary_loses_nothing_and_is_idempotent(lines: list[str], fields: list[str]) -> None:
    response = vary(*lines)
    add_vary(response, fields)
    once = response.headers.getlist("Vary")
    add_vary(response, fields)

    assert response.headers.getlist("Vary") == once
    asked = {name.lower() for name in [*fields, *", ".join(lines).split(", ")] if name}
    listed = [name.lower() for name in ", ".join(once).split(", ") if name]
    present = set(listed)
    assert len(listed) == len(present)
    assert present == ({"*"} if "*" in asked else asked)


def test_werkzeug_reads_what_was_added() -> None:
    response: Any = vary("Cookie")
    add_vary(response, ["Origin"])
    assert "origin" in response.vary
