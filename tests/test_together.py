"""Every feature on one app, beside sessions and Flask-Login: one pass, one order, one Vary."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Callable
from collections.abc import Iterator

import gevent
import pytest
import websocket
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from flask_rf import RF
from tests.apps.everything import make_app
from tests.apps.everything import ORIGIN
from tests.apps.everything import TEXT
from tests.parts.gunicorn import Gunicorn

PAGE = {"Origin": ORIGIN, "Accept-Encoding": "gzip"}
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}


@pytest.fixture
def client() -> FlaskClient:
    return make_app().test_client()


def vary(headers: Headers) -> list[str]:
    """The names of the one line."""
    (line,) = headers.getlist("Vary")
    return [name.strip().lower() for name in line.split(",")]


def assert_served_to_the_page(headers: Headers) -> None:
    """What every response has, whichever way it took."""
    assert len(headers.getlist("X-Request-ID")) == 1
    assert headers.getlist("Access-Control-Allow-Origin") == [ORIGIN]
    assert headers.getlist("Access-Control-Allow-Credentials") == ["true"]
    (exposed,) = headers.getlist("Access-Control-Expose-Headers")
    assert {"X-Request-ID", "Retry-After", "RateLimit"} <= set(exposed.split(", "))
    assert "origin" in vary(headers)
    assert len(vary(headers)) == len(set(vary(headers)))


RESPONSES = [
    ("GET", "/", 200),
    ("HEAD", "/", 200),
    ("GET", "/stream", 200),
    ("GET", "/tagged", 200),
    ("GET", "/moved", 302),
    ("GET", "/nowhere", 404),
    ("DELETE", "/", 405),
    ("GET", "/account", 401),
    ("GET", "/broken", 500),
    ("GET", "/health/live", 200),
    ("GET", "/health", 200),
    ("OPTIONS", "/orders", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), RESPONSES)
def test_each_response_has_each_header_once(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    response = client.open(path, method=method, headers=PAGE)
    assert response.status_code == status
    assert_served_to_the_page(response.headers)
    # Flask-Login looks into the session after each request; health answers vary by Accept.
    others = {"accept-encoding", "accept"} if "health" in path else {"accept-encoding"}
    assert set(vary(response.headers)) == {"origin", "cookie", *others}


def test_a_body_too_large_is_readable_by_the_page(client: FlaskClient) -> None:
    response = client.post("/upload", data="x" * 1001, headers=PAGE)
    assert response.status_code == 413
    assert_served_to_the_page(response.headers)


def test_a_denied_request_is_readable_by_the_page_and_compressed(client: FlaskClient) -> None:
    allowed = client.put("/orders", data="tea", headers=PAGE)
    denied = client.put("/orders", data="tea", headers=PAGE)
    assert (allowed.status_code, denied.status_code) == (200, 429)
    assert_served_to_the_page(denied.headers)
    assert int(denied.headers["Retry-After"]) > 0
    assert "RateLimit" in denied.headers
    assert gzip.decompress(allowed.data) == b"tea" * 100


def test_a_304_names_the_representation_the_client_holds(client: FlaskClient) -> None:
    first = client.get("/tagged", headers=PAGE)
    assert gzip.decompress(first.data) == TEXT.encode()
    conditional = PAGE | {"If-None-Match": first.headers["ETag"]}
    again = client.get("/tagged", headers=conditional)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert vary(again.headers) == vary(first.headers)
    assert_served_to_the_page(again.headers)


@pytest.mark.parametrize("path", ["/", "/stream", "/tagged", "/moved", "/account", "/nowhere"])
def test_head_is_described_as_get(client: FlaskClient, path: str) -> None:
    volatile = {"X-Request-ID", "Set-Cookie", "Content-Length", "Date"}
    head, get = (client.open(path, method=method, headers=PAGE) for method in ("HEAD", "GET"))
    described, sent = (
        [(name, value) for name, value in response.headers if name not in volatile]
        for response in (head, get)
    )
    assert described == sent
    assert head.headers.get("Content-Length") in (None, get.headers.get("Content-Length"))


def test_a_preflight_spends_nothing_and_meets_nobody(client: FlaskClient) -> None:
    for _ in range(3):
        response = client.options("/orders", headers=PREFLIGHT)
        assert response.status_code == 204
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert set(vary(response.headers)) == {"origin", "cookie"}
        assert len(response.headers.getlist("X-Request-ID")) == 1
        assert "RateLimit" not in response.headers
    assert client.application.extensions["seen"] == []
    assert client.put("/orders", data="tea", headers=PAGE).status_code == 200


def test_probes_meet_no_function_of_the_apps_own(client: FlaskClient) -> None:
    assert client.get("/health/ready").status_code == 200
    assert client.application.extensions["seen"] == []


def test_neither_probes_nor_scrapes_nor_clients_that_come_back_meet_an_app_wide_limit() -> None:
    app = Flask(__name__)
    app.config.update(RATE_LIMIT_PER_MINUTE=1, METRICS_ENABLED=True, SECRET_KEY="k")
    RF(app)
    client = app.test_client()
    assert [client.get("/nowhere").status_code for _ in range(2)] == [404, 429]

    handshake = {"Connection": "Upgrade", "Upgrade": "websocket"}
    asked = [client.get(path) for path in ("/health/live", "/metrics", "/broadcasting/rf.js")]
    assert [response.status_code for response in asked] == [200] * 3
    asked = [client.get("/app/key", headers=handshake), client.post("/broadcasting/auth")]
    asked += [client.post("/apps/1/events"), client.get("/static/none.css")]
    assert 429 not in [response.status_code for response in asked]


def test_another_page_learns_nothing(client: FlaskClient) -> None:
    response = client.get("/", headers={"Origin": "https://evil.example"})
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
    assert "origin" in vary(response.headers)


def test_a_login_holds_beside_everything_else(client: FlaskClient) -> None:
    entered = client.post("/login", headers=PAGE)
    assert {"session", "remember_token"} == {
        cookie.partition("=")[0] for cookie in entered.headers.getlist("Set-Cookie")
    }
    assert_served_to_the_page(entered.headers)
    account = client.get("/account", headers=PAGE)
    assert gzip.decompress(account.data).startswith(b"ann's account")
    assert "cookie" in vary(account.headers)


# --- Debug mode, TESTING, and what no after-request function sees ---


@pytest.mark.parametrize("mode", ["DEBUG", "TESTING"])
def test_an_error_reaches_the_developer_and_leaves_nothing_behind(mode: str) -> None:
    client = make_app(**{mode: True}).test_client()
    for _ in range(2):
        with pytest.raises(LookupError, match="gone"):
            client.get("/broken", headers=PAGE)
        made = client.get("/id", headers=PAGE)
        assert made.text == made.headers["X-Request-ID"]
        assert_served_to_the_page(made.headers)


@pytest.mark.parametrize("mode", ["DEBUG", "TESTING"])
def test_each_response_is_the_same_in_every_mode(mode: str) -> None:
    plain, other = make_app().test_client(), make_app(**{mode: True}).test_client()
    volatile = {"X-Request-ID", "Set-Cookie"}
    for method, path, status in RESPONSES:
        if status == 500 or path == "/health":  # whose details debug mode shows
            continue
        one, two = (c.open(path, method=method, headers=PAGE) for c in (plain, other))
        assert [h for h in one.headers if h[0] not in volatile] == [
            h for h in two.headers if h[0] not in volatile
        ]


def test_a_gevent_timeout_leaves_nothing_behind(client: FlaskClient) -> None:
    before = client.get("/id").text
    with pytest.raises(gevent.Timeout):
        client.get("/impatient", headers=PAGE)
    after = client.get("/id", headers=PAGE)
    assert after.headers["X-Request-ID"] != before
    assert_served_to_the_page(after.headers)


# --- A real worker ---


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    server = Gunicorn("tests.apps.everything:app", tmp_path_factory.mktemp("together"))
    yield server
    server.stop()


Asked = Callable[..., tuple[int, Headers, bytes]]


@pytest.fixture
def ask(worker: Gunicorn) -> Iterator[Asked]:
    """Requests on one kept-alive connection."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=30)

    def ask(
        method: str, path: str, headers: dict[str, str], body: str = ""
    ) -> tuple[int, Headers, bytes]:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, Headers(response.getheaders()), response.read()

    yield ask
    connection.close()


@pytest.mark.servers
def test_a_kept_alive_connection_is_served_request_by_request(ask: Asked) -> None:
    ids = set()
    for method, path, expected in RESPONSES * 2:
        status, headers, body = ask(method, path, PAGE)
        assert status == expected, path
        assert_served_to_the_page(headers)
        ids.add(headers["X-Request-ID"])
        if method == "GET" and headers.get("Content-Encoding") == "gzip":
            assert gzip.decompress(body)
    assert len(ids) == 2 * len(RESPONSES)


@pytest.mark.servers
def test_a_kept_alive_connection_outlives_responses_without_a_body(ask: Asked) -> None:
    tag = ask("GET", "/tagged", PAGE)[1]["ETag"]
    for _ in range(2):
        status, headers, body = ask("GET", "/tagged", PAGE | {"If-None-Match": tag})
        assert (status, headers["ETag"], body) == (304, tag, b"")
        assert_served_to_the_page(headers)
        assert ask("OPTIONS", "/orders", PREFLIGHT)[0] == 204
        status, headers, _ = ask("POST", "/upload", PAGE, "x" * 1001)
        assert status == 413
        assert_served_to_the_page(headers)


@pytest.mark.servers
def test_a_worker_streams_to_the_end(ask: Asked) -> None:
    _, headers, body = ask("GET", "/stream", PAGE)
    assert "Content-Length" not in headers
    assert gzip.decompress(body) == TEXT.encode() * 3


@pytest.mark.servers
def test_a_gevent_timeout_in_a_view_fails_its_request_alone(worker: Gunicorn, ask: Asked) -> None:
    assert ask("GET", "/impatient", PAGE)[0] == 500
    status, headers, body = worker.get("/id")
    assert status == 200
    assert body.decode() == headers["X-Request-ID"]


@pytest.mark.servers
def test_a_handshake_passes_every_feature(worker: Gunicorn) -> None:
    url = f"ws://127.0.0.1:{worker.port}/app/flask-rf?protocol=7"
    header = {"Accept-Encoding": "gzip;q=1, identity;q=0"}
    socket = websocket.create_connection(url, timeout=30, origin=ORIGIN, header=header)
    assert "pusher:connection_established" in socket.recv()
    assert "content-encoding" not in socket.getheaders()
    socket.close()
