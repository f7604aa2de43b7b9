from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from typing import get_type_hints
from weakref import ref

import pytest
from flask import Flask
from flask import request

from flask_rf import Compress
from flask_rf import ConfigurationError
from flask_rf import CORS
from flask_rf import RequestID
from flask_rf import RF
from flask_rf import SetupError
from flask_rf.recipe import Recipe
from tests.parts.processes import ROOT

FEATURES: dict[str, type[Recipe[Any]]] = get_type_hints(RF)
WAITING = {"access_log", "dashboard"}  # for settings that these tests do not make
OTHER_SITE = {"Origin": "https://shop.example"}


def set_up(app: Flask) -> set[str]:
    return {name for name, kind in FEATURES.items() if f"rf_{kind.name}" in app.extensions}


def test_rf_sets_every_feature_up(app: Flask) -> None:
    rf = RF(app, cors=CORS(origins="https://shop.example"))
    assert app.extensions["rf"] is rf
    assert set_up(app) == set(FEATURES) - WAITING
    assert all(getattr(rf, name).compiled for name in set_up(app))


@pytest.mark.parametrize("given", [False, True, Compress, {"min_size": 0}, RequestID()], ids=repr)
def test_what_is_no_feature_of_that_name_is_refused(app: Flask, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"compress=.*give Compress\(…\).* or None"):
        RF(app, compress=given)


def test_an_app_can_come_later(app: Flask) -> None:
    rf = RF()
    assert "rf" not in app.extensions
    rf.init_app(app)
    assert rf.limiter.compiled is app.extensions["rf_limiter"]


def test_a_request_meets_every_feature(app: Flask) -> None:
    rf = RF(app, cors=CORS(origins="https://shop.example"), compress=Compress(min_size=0))

    @app.get("/")
    @rf.limiter.limit("2/minute")
    def index() -> str:
        return "all's well " * 99

    client = app.test_client()
    response = client.get("/", headers={**OTHER_SITE, "Accept-Encoding": "gzip"})

    assert response.headers["X-Request-ID"]
    assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert response.headers["Content-Encoding"] == "gzip"
    assert {"Origin", "Accept-Encoding"} <= set(response.vary)
    client.get("/", headers=OTHER_SITE)
    denied = client.get("/", headers=OTHER_SITE)
    assert denied.status_code == 429
    assert denied.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert client.get("/health/live").status_code == 200


def test_options_of_ones_own_come_with_the_feature(app: Flask) -> None:
    RF(app, request_id=RequestID(header="X-Trace"))
    assert "X-Trace" in app.test_client().get("/").headers


@pytest.mark.parametrize("left_out", sorted(FEATURES))
def test_none_leaves_a_feature_out_and_its_name_then_explains(app: Flask, left_out: str) -> None:
    app.config["CORS_ORIGINS"] = "https://shop.example"
    rf = RF(app, **{left_out: None})
    assert set_up(app) == set(FEATURES) - WAITING - {left_out}
    with pytest.raises(SetupError, match=rf"^rf\.{left_out} was left out: .*{left_out}=None"):
        getattr(rf, left_out)


def test_no_other_name_is_an_attribute(app: Flask) -> None:
    with pytest.raises(AttributeError, match="'RF' object has no attribute 'limitr'"):
        RF(app).limitr  # noqa: B018


def test_rf_twice_on_one_app_is_refused(app: Flask) -> None:
    rf = RF(app)
    for again in (lambda: RF(app), lambda: rf.init_app(app)):
        with pytest.raises(SetupError, match="^RF is already set up on the app 'shop': call RF"):
            again()


@pytest.mark.parametrize("feature", [FEATURES[name] for name in sorted(set(FEATURES) - WAITING)])
def test_a_feature_beside_rf_is_refused(app: Flask, feature: type[Recipe[Any]]) -> None:
    app.config["CORS_ORIGINS"] = "https://shop.example"
    RF(app)
    with pytest.raises(SetupError, match=f"^{feature.__name__} is already set up on the app"):
        feature(app)


def test_two_apps_of_one_rf_have_settings_of_their_own() -> None:
    rf, shop, forum = RF(), Flask("shop"), Flask("forum")
    shop.config["REQUEST_ID_HEADER"] = "X-Shop"
    forum.config["REQUEST_ID_HEADER"] = "X-Forum"
    rf.init_app(shop)
    rf.init_app(forum)
    assert "X-Shop" in shop.test_client().get("/").headers
    assert "X-Shop" not in forum.test_client().get("/").headers
    assert "X-Forum" in forum.test_client().get("/").headers


def test_an_app_is_not_kept_alive() -> None:
    rf, app = RF(), Flask("dropped")
    rf.init_app(app)
    gone = ref(app)

    del app
    gc.collect()

    assert gone() is None


# --- CORS only where it is meant ---


def test_without_origins_cors_is_left_out(app: Flask) -> None:
    RF(app)
    response = app.test_client().options("/", headers=OTHER_SITE)
    assert "rf_cors" not in app.extensions
    assert "Origin" not in response.vary


@pytest.mark.parametrize("key", ["CORS_ORIGINS", "CORS_ORIGINS_FILE"])
def test_origins_bring_cors(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, key: str
) -> None:
    file = tmp_path / "origins"
    file.write_text("https://shop.example\n")
    value = str(file) if key.endswith("_FILE") else "https://shop.example"
    monkeypatch.setenv(key, value)
    RF(app)
    response = app.test_client().get("/", headers=OTHER_SITE)
    assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"


@pytest.mark.parametrize(
    ("name", "setting"), [("cors", "CORS_ORIGINS"), ("access_log", "RF_ACCESS_LOG=true")]
)
def test_a_feature_that_waits_for_a_setting_names_it(app: Flask, name: str, setting: str) -> None:
    feature = getattr(RF(app), name)
    with pytest.raises(SetupError, match=f"is set up on no app: set {setting}$"):
        _ = feature.compiled
    with app.app_context(), pytest.raises(SetupError, match=f"on the app 'shop': set {setting}$"):
        _ = feature.compiled


# --- What RF introduces to each other ---


def test_pages_that_cors_allows_may_open_sockets_too(app: Flask) -> None:
    rf = RF(app, cors=CORS(origins="https://shop.example"))
    allows = rf.broadcast.compiled.allows_origin
    assert allows("https://shop.example", "/app/flask-rf")
    assert not allows("https://evil.example", "/app/flask-rf")


def test_events_carry_the_request_id(app: Flask) -> None:
    rf = RF(app)

    @app.get("/")
    def index() -> str:
        return rf.broadcast.compiled.request_id()

    response = app.test_client().get("/")
    assert response.text == response.headers["X-Request-ID"]


def test_broadcast_needs_no_request_ids(app: Flask) -> None:
    rf = RF(app, request_id=None)
    with app.test_request_context():
        assert rf.broadcast.compiled.request_id() == ""


def test_spawn_runs_aside_under_the_requests_id(app: Flask) -> None:
    from flask_rf import current_request_id

    rf, seen = RF(app), []

    @app.get("/")
    def index() -> str:
        rf.spawn(lambda: seen.append(current_request_id())).join()
        return request.path

    response = app.test_client().get("/")
    assert seen == [response.headers["X-Request-ID"]]


# --- Mistakes are refused when the app starts ---


def limited_view(app: Flask) -> None:
    @RF(app).limiter.limit("5/mintue")
    def index() -> str:
        return "ok"


MISTAKES: dict[str, tuple[Callable[[Flask], object], dict[str, object], str]] = {
    "a limit": (limited_view, {}, "minute"),
    "a default limit": (RF, {"RATE_LIMIT_DEFAULT": "5/mintue"}, "minute"),
    "every origin with cookies": (
        RF,
        {"CORS_ORIGINS": "*", "CORS_SUPPORTS_CREDENTIALS": True},
        "origins",
    ),
    "a misspelt setting": (RF, {"RATE_LIMIT_DEFUALT": "5/minute"}, "write RATE_LIMIT_DEFAULT"),
    "a misspelt setting of CORS": (RF, {"CORS_ORIGIN": "https://a.example"}, "write CORS_ORIGINS"),
    "a URL without a host": (RF, {"REDIS_URL": "redis:///0"}, "write a URL like redis://"),
    "no Redis to count in": (RF, {"RATE_LIMIT_BACKEND": "redis"}, "set REDIS_URL"),
    "no Redis to send through": (RF, {"BROADCAST_BACKEND": "redis"}, "set REDIS_URL"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_sentence_that_names_the_mend(app: Flask, mistake: str) -> None:
    start, config, mend = MISTAKES[mistake]
    app.config.update(config)
    with pytest.raises(ConfigurationError) as caught:
        start(app)
    assert mend in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("RATE_LIMIT_DEFAULT", "5/mintue", "5/minute"),
        ("HEALTH_PREFIX", "health check", "/health"),
        ("BROADCAST_BAKEND", "memory", None),
    ],
)
def test_a_setting_that_was_refused_can_be_mended_on_the_same_app(
    app: Flask, key: str, wrong: str, right: str | None
) -> None:
    app.config[key] = wrong
    with pytest.raises(ConfigurationError, match=f"^{key}="):
        RF(app)
    app.config[key] = right
    assert RF(app).limiter.compiled


def test_an_app_that_was_refused_halfway_is_to_be_made_anew(app: Flask) -> None:
    app.config.update(CORS_ORIGINS="*", CORS_SUPPORTS_CREDENTIALS=True)
    for error, message in (
        (ConfigurationError, "name the origins"),
        (SetupError, "make the app anew$"),
    ):
        with pytest.raises(error, match=message):
            RF(app)


# --- What RF loads ---


def test_on_memory_back_ends_nothing_of_redis_is_loaded() -> None:
    program = (
        "import sys; from flask import Flask; from flask_rf import RF; app = Flask('shop');"
        "RF(app); app.test_client().get('/'); print({'redis', 'gevent'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == "set()\n", result.stderr
