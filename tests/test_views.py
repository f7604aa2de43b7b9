"""What decorators have put on views, and who of several has the last word."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask.views import MethodView
from flask.views import View

from flask_rf.views import blueprints
from flask_rf.views import Marks


def marked(target: Any, mark: object = "its own") -> Any:
    target.mark = mark
    return target


def view() -> str:
    return ""


def bare() -> Callable[[], str]:
    """A view that nobody has marked yet."""
    return lambda: ""


@pytest.fixture
def marks(app: Flask) -> Marks:
    return Marks(app, "mark")


@pytest.mark.parametrize(
    "decorated",
    [
        marked(bare()),
        functools.wraps(marked(bare()))(bare()),
        functools.partial(marked(bare())),
        functools.partial(functools.wraps(marked(bare()))(bare())),
    ],
)
def test_a_mark_is_found_under_other_decorators(
    app: Flask, marks: Marks, decorated: Callable[[], str]
) -> None:
    app.add_url_rule("/", "index", decorated)
    assert marks.of("index", "GET") == "its own"


def test_without_a_mark_there_is_nothing(app: Flask, marks: Marks) -> None:
    app.add_url_rule("/", "index", view)
    assert not marks
    assert marks.of("index", "GET") is marks.of(None, "GET") is None


def test_a_mark_that_says_no_is_one(app: Flask, marks: Marks) -> None:
    inner = marked(Blueprint("inner", __name__), True)
    inner.add_url_rule("/", "index", marked(bare(), False))
    app.register_blueprint(inner)
    assert marks.of("inner.index", "GET") is False


def test_a_method_goes_before_its_class_and_the_class_before_its_blueprint(
    app: Flask, marks: Marks
) -> None:
    @marked
    class Orders(MethodView):
        def get(self) -> str:
            return ""

        put = marked(lambda self: "", "the method's")

    class Plain(MethodView):
        def get(self) -> str:
            return ""

    inner = marked(Blueprint("inner", __name__), "the blueprint's")
    inner.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    inner.add_url_rule("/plain", view_func=Plain.as_view("plain"))
    app.register_blueprint(inner)
    assert marks.of("inner.orders", "PUT") == "the method's"
    assert marks.of("inner.orders", "GET") == "its own"
    assert marks.of("inner.plain", "GET") == "the blueprint's"
    assert marks.endpoints() == {"inner.orders", "inner.plain"}


def test_what_get_says_is_for_head_too_unless_that_has_a_method_of_its_own(
    app: Flask, marks: Marks
) -> None:
    class Orders(MethodView):
        get = marked(lambda self: "")

    class Quiet(MethodView):
        get = marked(lambda self: "")
        head = marked(lambda self: "", "head's")

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    app.add_url_rule("/quiet", view_func=Quiet.as_view("quiet"))
    assert marks.of("orders", "HEAD") == "its own"
    assert marks.of("quiet", "HEAD") == "head's"
    assert marks.of("orders", "POST") is None


def test_a_class_with_one_function_for_all_methods_may_have_it_there(
    app: Flask, marks: Marks
) -> None:
    class Index(View):
        dispatch_request = marked(lambda self: "")

    app.add_url_rule("/", view_func=Index.as_view("index"))
    assert marks.of("index", "GET") == "its own"


def test_the_innermost_blueprint_that_says_something_decides(app: Flask, marks: Marks) -> None:
    outer = marked(Blueprint("outer", __name__), "outer's")
    silent = Blueprint("silent", __name__, url_prefix="/silent")
    inner = marked(Blueprint("inner", __name__, url_prefix="/inner"), "inner's")
    for blueprint in (outer, silent, inner):
        blueprint.add_url_rule("/", "index", view)
    silent.register_blueprint(inner)
    outer.register_blueprint(silent)
    app.register_blueprint(outer)
    assert marks.of("outer.silent.inner.index", "GET") == "inner's"
    assert marks.of("outer.silent.index", "GET") == marks.of("outer.index", "GET") == "outer's"


def test_blueprints_are_named_from_the_innermost_outwards() -> None:
    assert blueprints("a.b.c.view") == ["a.b.c", "a.b", "a"]
    assert blueprints("view") == []
