"""Routes of features on apps that tell hosts apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask import url_for
from flask.testing import FlaskClient

from flask_rf import Health
from flask_rf import RF
from flask_rf.blueprints import EveryHost
from tests.apps.everything import PATIENCE

HOSTS = ["http://shop.example", "http://10.1.2.3:8000", "http://[2001:db8::1]:8000"]
HOSTS += ["http://api.shop.example", "http://a.b.shop.example"]

# Werkzeug's, about hosts that are none of the app's
pytestmark = pytest.mark.filterwarnings("ignore:Current server name")


@pytest.fixture(params=["host", "subdomain"])
def app(request: pytest.FixtureRequest) -> Flask:
    """An app that tells its hosts apart in either of Flask's ways."""
    if request.param == "host":
        app = Flask("shop", host_matching=True, static_host="shop.example")
        app.add_url_rule("/", "home", lambda: "home", host="shop.example")
    else:
        app = Flask("shop", subdomain_matching=True)
        app.config["SERVER_NAME"] = "shop.example"
        app.add_url_rule("/", "home", lambda: "home")
    app.config["SECRET_KEY"] = "a secret of the tests"
    return app


@pytest.fixture
def rf(app: Flask, tmp_path: Path) -> RF:
    app.config["STORAGE_DISKS"] = {
        "files": {"driver": "local", "root": str(tmp_path), "serve": True, "visibility": "public"}
    }
    app.config.update(RF_DASHBOARD=True, RF_DASHBOARD_ALLOW="127.0.0.0/8", **PATIENCE)
    return RF(app)


@pytest.fixture
def client(app: Flask, rf: RF) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("host", HOSTS)
def test_features_answer_on_every_host(client: FlaskClient, host: str) -> None:
    for path in ("/health", "/health/live", "/broadcasting/rf.js", "/rf", "/metrics"):
        assert client.get(path, base_url=host).status_code == 200, path
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert client.get("/app/app-key", base_url=host, headers=upgrade).status_code == 426
    assert client.get("/apps/1/channels", base_url=host).status_code == 401
    assert client.get("/", base_url="http://elsewhere.example").status_code == 404


@pytest.mark.parametrize("host", HOSTS)
def test_files_are_served_and_linked_on_every_host(
    app: Flask, rf: RF, client: FlaskClient, host: str
) -> None:
    rf.storage.put("letter", "Hello")
    signed = rf.storage.temporary_url("letter", 60)
    assert rf.storage.url("letter") == "/storage/files/letter"
    assert signed.startswith("/storage/files/letter?")
    for url in (rf.storage.url("letter"), signed):
        assert client.get(url, base_url=host).text == "Hello"


def test_a_page_links_to_where_it_was_asked_for(app: Flask, client: FlaskClient) -> None:
    page = client.get("/rf", base_url="http://10.1.2.3:8000").text
    assert 'src="/broadcasting/rf.js"' in page
    with app.test_request_context(base_url="http://Shop.example"):
        assert url_for("rf_health.live") == "/health/live"


@pytest.mark.parametrize("host", HOSTS)
def test_the_dashboard_of_a_host_loads_from_it(client: FlaskClient, host: str) -> None:
    assert 'src="/broadcasting/rf.js"' in client.get("/rf", base_url=host).text


@pytest.mark.parametrize("host_matching", [True, False])
def test_a_url_is_made_outside_of_requests_too(host_matching: bool) -> None:
    static_host = "shop.example" if host_matching else None
    app = Flask("shop", host_matching=host_matching, static_host=static_host)
    app.config["SERVER_NAME"] = "shop.example"
    Health(app)
    with app.app_context():
        assert url_for("rf_health.live") == "http://shop.example/health/live"


def test_apps_that_do_not_tell_hosts_apart_have_plain_rules() -> None:
    app = Flask("plain")
    blueprint = EveryHost("part", "part")
    blueprint.add_url_rule("/part", "view", lambda: "part")
    app.register_blueprint(blueprint)
    assert [rule.host for rule in app.url_map.iter_rules("part.view")] == [None]
    assert app.test_client().get("/part").text == "part"
