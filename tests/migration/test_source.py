from __future__ import annotations

import ast

import pytest

from flask_rf.migration.source import calls
from flask_rf.migration.source import instances
from flask_rf.migration.source import remarks


def said(*sources: str) -> list[tuple[int, str, str, str]]:
    """Line, kind, name and fate of each remark; several sources are one app."""
    trees = [ast.parse(source) for source in sources]
    known = {name: library for tree in trees for name, library in instances(tree).items()}
    called = {name for tree in trees for name in calls(tree)}
    found = [remark for tree in trees for remark in remarks(tree, known, called)]
    return [(r.line, r.kind, r.old, r.change.fate) for r in found]


LIMITER = "from flask_limiter import Limiter\nlimiter = Limiter(app=app)\n"
IMPORT = (1, "import", "flask_limiter.Limiter", "same")


def test_each_imported_name_gets_its_remark() -> None:
    source = "from flask_limiter import (\n    Limiter,\n    MetaLimit,\n)\nimport flask_cors"
    assert said(source) == [
        IMPORT,
        (1, "import", "flask_limiter.MetaLimit", "missing"),
        (5, "import", "flask_cors", "differs"),
    ]


@pytest.mark.parametrize("name", ["*", "Strange"])
def test_a_name_that_nobody_knows_is_missing_here(name: str) -> None:
    assert said(f"from flask_cors import {name}") == [
        (1, "import", f"flask_cors.{name}", "missing")
    ]


def test_keywords_are_found_under_whatever_name_the_class_has() -> None:
    for source in (
        "from flask_limiter import Limiter\nLimiter(app=app, key_prefix='x')",
        "from flask_limiter import Limiter as L\nL(app=app, key_prefix='x')",
        "import flask_limiter\nflask_limiter.Limiter(app=app, key_prefix='x')",
        "import flask_limiter as fl\nfl.Limiter(app=app, key_prefix='x')",
    ):
        assert (2, "keyword", "Limiter(key_prefix=…)", "differs") in said(source), source


def test_keywords_that_mean_the_same_get_no_remark() -> None:
    source = (
        "from flask_limiter import Limiter\nLimiter(who, app=app, default_limits=[], strategy='x')"
    )
    assert said(source) == [IMPORT]


@pytest.mark.parametrize("module", ["flask_limiter", "flask_rf"])
def test_a_keyword_that_nobody_knows_is_missing_here(module: str) -> None:
    source = f"from {module} import Limiter\nLimiter(who, app=app, auto_check=False, **more)"
    assert (2, "keyword", "Limiter(auto_check=…)", "missing") in said(source)


def test_a_limit_that_is_met_by_check_is_pointed_out() -> None:
    for module in ("flask_limiter", "flask_rf"):
        made = f"from {module} import Limiter\nlimiter = Limiter(app=app)\n"
        met = (3, "call", "check() without app=", "differs")
        assert met in said(f"{made}limiter.check()")
        for call in ("limiter.check(app)", "limiter.check(app=app)", "health.check()"):
            assert met not in said(f"{made}{call}"), call


def test_classes_of_the_same_name_from_elsewhere_are_not_meant() -> None:
    assert said("from mine import Limiter\nLimiter(key_prefix='x')") == []
    assert said("from .flask_limiter import Limiter\nLimiter(key_prefix='x')") == []
    assert said("def Limiter(**x): ...\nLimiter(key_prefix='x')") == []


def test_methods_of_an_instance_are_looked_at_in_every_source() -> None:
    views = (
        "from .extensions import limiter\n@limiter.limit('1/minute', meta_limits=[])\ndef f(): ..."
    )
    assert said(LIMITER, views) == [
        IMPORT,
        (2, "keyword", "limit(meta_limits=…)", "missing"),
    ]


@pytest.mark.parametrize(
    ("library", "kind", "keyword", "fate"),
    [
        ("flask_cors", "CORS", "resources", "differs"),
        ("flask_cors", "CORS", "supports_credentials", "differs"),
        ("flask_cors", "CORS", "vary_header", "not needed"),
        ("flask_rf", "CORS", "resources", "differs"),
        ("flask_socketio", "SocketIO", "message_queue", "differs"),
    ],
)
def test_a_factory_gives_no_options_to_init_app(
    library: str, kind: str, keyword: str, fate: str
) -> None:
    made = f"from {library} import {kind}\nextension = {kind}(**OPTIONS)"
    used = f"from .extensions import extension\nextension.init_app(app, {keyword}=given)"
    assert (2, "keyword", f"init_app({keyword}=…)", fate) in said(made, used)


def test_an_instance_may_be_an_attribute() -> None:
    source = "from flask_limiter import Limiter\ndef f(self):\n    self.l = Limiter(app)\n"
    assert said(f"{source}    self.l.storage.reset()") == [
        IMPORT,
        (4, "attribute", "l.storage", "missing"),
    ]


def test_an_instance_may_come_from_a_method_of_its_class() -> None:
    source = (
        "from prometheus_flask_exporter import PrometheusMetrics\n"
        "metrics = PrometheusMetrics.for_app_factory()\n"
        "@metrics.do_not_track()\ndef view(): ..."
    )
    assert said(source) == [
        (1, "import", "prometheus_flask_exporter.PrometheusMetrics", "differs"),
        (2, "attribute", "PrometheusMetrics.for_app_factory", "differs"),
        (3, "attribute", "metrics.do_not_track", "missing"),
    ]


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        ("CORS(app)", True),
        ("CORS(app, origins='*')", False),
        ("CORS(app, resources={})", False),
        ("CORS(app, **options)", False),
        ("CORS(app, resources={}), cross_origin()", True),
        ("CORS(app, resources={}), cross_origin(origins='*')", False),
    ],
)
def test_cors_that_allows_everything_by_default_is_pointed_out(call: str, missing: bool) -> None:
    found = said(f"from flask_cors import CORS, cross_origin\n{call}")
    assert bool([remark for remark in found if remark[1] == "call"]) is missing


@pytest.mark.parametrize("library", ["flask_cors", "flask_rf"])
def test_policies_of_views_in_an_app_without_cors_are_pointed_out(library: str) -> None:
    view = f"from {library} import cross_origin\n@cross_origin(origins='*')\ndef f(): ..."
    alone = (2, "call", "cross_origin() without CORS(…)", "differs")
    assert alone in said(view)
    for app in ("from flask_rf import RF\nRF(app)", "import flask_cors\nflask_cors.CORS(app)"):
        assert alone not in said(app, view)


@pytest.mark.parametrize(
    "source",
    [
        "app.config['RATELIMIT_DEFAULT'] = '5/minute'",
        "app.config.update(RATELIMIT_DEFAULT='5/minute')",
        "class Config:\n    RATELIMIT_DEFAULT = '5/minute'",
        "app.config.from_mapping({'RATELIMIT_DEFAULT': '5/minute'})",
        "RATELIMIT_DEFAULT: str = '5/minute'",
    ],
)
def test_settings_are_found_wherever_they_are_written(source: str) -> None:
    (remark,) = said(source)
    assert remark[1:] == ("setting", "RATELIMIT_DEFAULT", "renamed")


def test_settings_that_stay_get_no_remark() -> None:
    assert said("app.config['CORS_ORIGINS'] = '*'\napp.config['COMPRESS_LEVEL'] = 9") == []


def test_sockets_are_followed_to_their_handlers() -> None:
    source = (
        "from flask_socketio import SocketIO, emit\n"
        "socketio = SocketIO(app, message_queue='redis://')\n"
        "@socketio.on('said')\n"
        "def said(data):\n"
        "    emit('said', data)\n"
    )
    assert [(line, old) for line, _, old, _ in said(source)] == [
        (1, "flask_socketio.SocketIO"),
        (1, "flask_socketio.emit"),
        (2, "SocketIO(message_queue=…)"),
        (3, "socketio.on"),
    ]


def test_once_moved_only_what_is_refused_here_is_left() -> None:
    moved = "from flask_rf import CORS, Limiter\nCORS(app, methods=['PUT'], resources={})\n"
    assert said(f"{moved}Limiter(app, key_prefix='x', default='5/minute')") == [
        (3, "keyword", "Limiter(key_prefix=…)", "differs")
    ]


def test_an_app_of_flask_rf_has_nothing_left() -> None:
    source = "from flask_rf import CORS, RF\nrf = RF(app)\nCORS(app)\n"
    assert said(f"{source}@rf.limiter.limit('5/minute')\ndef f(): ...") == []
