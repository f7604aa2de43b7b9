from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import reduce
from http.client import HTTPConnection
from logging.handlers import QueueHandler
from operator import and_
from operator import or_
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest
from flask import abort
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_rf import ConfigurationError
from flask_rf import CORS
from flask_rf import current_request_id
from flask_rf import RequestID
from flask_rf import RequestIDFilter
from flask_rf.request_id import carry
from flask_rf.request_id import CompiledRequestID
from flask_rf.request_id import new_id
from flask_rf.request_id import RequestIDOptions
from flask_rf.request_id import spawn

from .parts.gunicorn import Gunicorn

MINE = "caller-id.of_8-128"


def answered(app: Flask, inbound: str | None = None, path: str = "/", **options: Any) -> str:
    """The one id on the response."""
    headers = {} if inbound is None else {"X-Request-ID": inbound}
    response = app.test_client().open(path, headers=headers, **options)
    (request_id,) = response.headers.getlist("X-Request-ID")
    return request_id


@pytest.mark.parametrize("inbound", [MINE, "a" * 8, "a" * 128, str(uuid.UUID(int=7))])
def test_rule_01_an_id_that_matches_is_taken_over(app: Flask, inbound: str) -> None:
    RequestID(app)
    assert answered(app, inbound) == inbound


@pytest.mark.parametrize(
    "inbound",
    [
        "",
        "short",
        "a" * 129,
        f"{MINE} ",
        f" {MINE}x",
        f"{MINE}\x00",
        f"{MINE}é",
        f"{MINE}<b>",
        "٣" * 9,
    ],
)
def test_rule_01_any_other_id_is_replaced_and_never_trimmed(app: Flask, inbound: str) -> None:
    RequestID(app)
    environ = {"HTTP_X_REQUEST_ID": inbound}
    made = app.test_client().get("/", environ_overrides=environ).headers["X-Request-ID"]
    assert uuid.UUID(made).version == 7


def test_rule_01_the_pattern_is_configurable(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_ID_PATTERN", "[0-9]{3}")
    RequestID(app)
    assert answered(app, "123") == "123"
    assert answered(app, "1234") != "1234"
    assert answered(app, MINE) != MINE


@pytest.mark.parametrize("pattern", ["", ".*", "(", "[a-z]?", None, 7, b"[a-z]+"])
def test_rule_01_a_pattern_that_cannot_be_meant_is_refused(app: Flask, pattern: Any) -> None:
    with pytest.raises(ConfigurationError, match="like .*8,128"):
        RequestID(app, pattern=pattern)


@given(st.text() | st.from_regex(r"[ -~]{0,200}"), st.sampled_from([".+", "[A-Za-z0-9._-]{8,128}"]))
def test_rule_01_no_value_raises_and_only_plain_ones_come_back(value: str, pattern: str) -> None:
    compiled = CompiledRequestID(RequestIDOptions(pattern=re.compile(f"(?s){pattern}")))
    found = compiled.id_of({"HTTP_X_REQUEST_ID": value})
    assert found.isascii() and found.isprintable() and "," not in found
    assert found == value or uuid.UUID(found).version == 7


def test_rule_02_a_rejected_value_is_never_logged(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    RequestID(app)
    formatter = logging.Formatter("%(request_id)s %(message)s")
    monkeypatch.setattr(caplog.handler, "filters", [RequestIDFilter()])
    monkeypatch.setattr(caplog.handler, "formatter", formatter)
    app.add_url_rule("/", view_func=lambda: app.logger.error("hello") or "", endpoint="x")
    with caplog.at_level(logging.DEBUG):
        made = answered(app, "forged<script>")
    assert "forged" not in caplog.text
    assert f"{made} hello" in caplog.text


def test_rule_03_never_trusts_nobody(app: Flask) -> None:
    RequestID(app, trust="never")
    assert answered(app, MINE) != MINE


def test_rule_03_always_trusts_everybody(app: Flask) -> None:
    RequestID(app, trust="always")
    assert answered(app, MINE, environ_overrides={"REMOTE_ADDR": "203.0.113.1"}) == MINE


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        *(("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::7", True), ("", True)),
        *(("11.1.2.3", False), ("nonsense", False), ("2001:db9::7", False)),
    ],
)
def test_rule_03_networks_are_trusted_by_the_peers_address(
    app: Flask, peer: str, trusted: bool
) -> None:
    RequestID(app, trust=["10.0.0.0/8", "2001:db8::/32"])
    forwarded = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "10.9.9.9"}
    assert (answered(app, MINE, environ_overrides=forwarded) == MINE) is trusted


def test_rule_03_the_peer_is_found_behind_proxy_fix(app: Flask) -> None:
    RequestID(app, trust="10.0.0.0/8")
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    claim = {"HTTP_X_FORWARDED_FOR": "10.9.9.9"}
    stranger = {"REMOTE_ADDR": "203.0.113.1", **claim}
    assert answered(app, MINE, environ_overrides=stranger) != MINE
    proxy = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.1"}
    assert answered(app, MINE, environ_overrides=proxy) == MINE


@pytest.mark.parametrize("trust", ["sometimes", "", [], "10.0.0.0/33", 7, None])
def test_rule_03_a_trust_that_cannot_be_meant_is_refused(app: Flask, trust: Any) -> None:
    with pytest.raises(ConfigurationError, match="write never, always or the networks"):
        RequestID(app, trust=trust)


def test_rule_03_a_duplicated_header_is_rejected_whatever_the_pattern(app: Flask) -> None:
    RequestID(app, pattern=".+")
    assert answered(app, MINE) == MINE
    assert MINE not in answered(app, f"{MINE},{MINE}")


@pytest.mark.parametrize(
    ("status", "path", "method"),
    [
        *((200, "/", "GET"), (404, "/unknown", "GET"), (405, "/", "DELETE")),
        *((429, "/limited", "GET"), (500, "/broken", "GET"), (308, "/folder", "GET")),
        (204, "/", "OPTIONS"),
    ],
)
def test_rule_04_every_response_has_exactly_one(
    app: Flask, status: int, path: str, method: str
) -> None:
    app.add_url_rule("/", view_func=lambda: ("", {"X-Request-ID": "the view's own"}))
    app.add_url_rule("/limited", view_func=lambda: abort(429), endpoint="limited")
    app.add_url_rule("/broken", view_func=lambda: 1 / 0, endpoint="broken")
    app.add_url_rule("/folder/", view_func=lambda: "", endpoint="folder")
    CORS(app, origins="*")
    RequestID(app)
    headers = {"Origin": "https://a.com", "Access-Control-Request-Method": "GET"}
    headers["X-Request-ID"] = MINE
    response = app.test_client().open(path, method=method, headers=headers)
    assert response.status_code == status
    assert response.headers.getlist("X-Request-ID") == [MINE]


def test_rule_04_a_function_after_the_request_that_always_fails_takes_none_away(app: Flask) -> None:
    RequestID(app)
    app.after_request(lambda response: 1 / 0)
    app.add_url_rule("/", view_func=lambda: "")
    response = app.test_client().get("/", headers={"X-Request-ID": MINE})
    assert response.status_code == 500
    assert response.headers.getlist("X-Request-ID") == [MINE]


def test_rule_04_a_url_preprocessor_that_aborts_gets_one_too(app: Flask) -> None:
    RequestID(app)
    app.url_value_preprocessor(lambda endpoint, values: abort(404))
    app.register_error_handler(404, lambda error: (current_request_id() or "none", 404))
    response = app.test_client().get("/")
    assert response.text == response.headers["X-Request-ID"]


def test_rule_04_the_header_is_configurable(app: Flask) -> None:
    RequestID(app, header="X-Correlation-ID")
    app.add_url_rule("/", view_func=lambda: ("", {"X-Correlation-ID": "the view's own"}))
    response = app.test_client().get("/", headers={"X-Correlation-ID": MINE})
    assert response.headers.getlist("X-Correlation-ID") == [MINE]
    assert "X-Request-ID" not in response.headers


@pytest.mark.parametrize("header", ["", "X Request", "X:", "Ünique", None])
def test_rule_04_a_header_that_is_none_is_refused(app: Flask, header: Any) -> None:
    with pytest.raises(ConfigurationError, match="write the name of a header"):
        RequestID(app, header=header)


def test_rule_05_requests_inside_one_app_context_have_ids_of_their_own(app: Flask) -> None:
    RequestID(app)
    with app.app_context():
        assert answered(app, MINE) == MINE
        assert len({answered(app), answered(app), MINE}) == 3
        assert current_request_id() is None


@pytest.fixture(scope="module", params=["gevent", "gthread"])
def served(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Gunicorn]:
    folder: Path = tmp_path_factory.mktemp("request-id")
    options = ["--worker-class", request.param, "--workers", "1", "--threads", "1"]
    gunicorn = Gunicorn("tests.request_id_app:app", folder, *options)
    yield gunicorn
    gunicorn.stop()


@pytest.fixture
def connection(served: Gunicorn) -> Iterator[HTTPConnection]:
    """One connection, kept alive, so that one greenlet or thread serves all its requests."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    yield connection
    connection.close()


def met(connection: HTTPConnection, path: str, *inbound: str) -> tuple[str, str | None, bytes]:
    """The id a request is answered with, the one that stood before it, and the body."""
    connection.putrequest("GET", path)
    for value in inbound:
        connection.putheader("X-Request-ID", value)
    connection.endheaders()
    sock = connection.sock
    response = connection.getresponse()
    body = response.read()
    assert connection.sock is sock is not None, "the connection was not kept alive"
    (request_id,) = response.headers.get_all("X-Request-ID") or []
    return request_id, response.headers["X-Before"], body


@pytest.mark.servers
def test_rule_05_nothing_leaks_into_the_next_request_of_a_connection(
    connection: HTTPConnection,
) -> None:
    seen = set()
    for inbound in (MINE, None, "another-id", None, None):
        request_id, before, body = met(connection, "/", *filter(None, [inbound]))
        assert request_id == (inbound or request_id)
        assert request_id not in seen
        assert before == "None"
        assert json.loads(body) == dict.fromkeys(("here", "carried", "spawned"), request_id)
        seen.add(request_id)


@pytest.mark.servers
def test_rule_05_nothing_leaks_from_a_request_that_finds_no_view(
    connection: HTTPConnection,
) -> None:
    assert met(connection, "/unknown", MINE)[:2] == (MINE, "None")
    request_id, before, _ = met(connection, "/unknown")
    assert (request_id != MINE, before) == (True, "None")


@pytest.mark.servers
def test_rule_03_a_header_sent_twice_is_rejected(connection: HTTPConnection) -> None:
    request_id, _, _ = met(connection, "/", MINE, MINE)
    assert uuid.UUID(request_id).version == 7


def record_of(text: str = "hello") -> logging.LogRecord:
    return logging.LogRecord("shop", logging.INFO, __file__, 1, text, None, None)


def test_rule_06_the_filter_sets_the_requests_id(app: Flask) -> None:
    RequestID(app)
    record = record_of()
    with app.test_request_context(headers={"X-Request-ID": MINE}):
        assert RequestIDFilter().filter(record)
    assert record.request_id == MINE  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", [{}, {"default": "none"}])
def test_rule_06_the_filter_has_a_default_outside_requests(given: dict[str, str]) -> None:
    record = record_of()
    assert RequestIDFilter(**given).filter(record)
    assert record.request_id == given.get("default", "-")  # type: ignore[attr-defined]


def test_rule_06_the_filter_has_its_default_on_an_app_without_request_ids(app: Flask) -> None:
    record = record_of()
    with app.test_request_context(headers={"X-Request-ID": MINE}):
        assert RequestIDFilter().filter(record)
    assert record.request_id == "-"  # type: ignore[attr-defined]


def test_rule_06_a_record_handed_to_another_thread_keeps_its_id(app: Flask) -> None:
    RequestID(app)
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler = QueueHandler(queue)  # type: ignore[arg-type]
    handler.addFilter(RequestIDFilter())
    with app.test_request_context(headers={"X-Request-ID": MINE}):
        handler.handle(record_of())
    record = queue.get()
    assert RequestIDFilter().filter(record)
    assert record.request_id == MINE  # type: ignore[attr-defined]


def test_rule_07_a_thread_starts_without_an_id(app: Flask) -> None:
    RequestID(app)
    found = []
    with app.test_request_context(headers={"X-Request-ID": MINE}):
        thread = Thread(target=lambda: found.append(current_request_id()))
        thread.start()
        thread.join()
    assert found == [None]


def test_rule_07_spawned_work_has_the_id_of_its_request(app: Flask) -> None:
    rf, found = RequestID(app), []

    def work(prefix: str, *, suffix: str) -> None:
        found.append(f"{prefix}{current_request_id()}{suffix}")
        found.append(rf.headers())

    with app.test_request_context(headers={"X-Request-ID": MINE}):
        thread = spawn(work, "<", suffix=">")
    thread.join()
    assert found == [f"<{MINE}>", {"X-Request-ID": MINE}]


def test_rule_07_carried_work_leaves_no_id_behind(app: Flask) -> None:
    RequestID(app)

    def fail() -> None:
        assert current_request_id() == MINE
        raise LookupError

    with app.test_request_context(headers={"X-Request-ID": MINE}):
        carried = carry(fail)
    with pytest.raises(LookupError):
        carried()
    assert current_request_id() is None


def test_rule_07_a_request_inside_carried_work_has_an_id_of_its_own(app: Flask) -> None:
    RequestID(app)
    with app.test_request_context(headers={"X-Request-ID": MINE}):
        carried = carry(answered)
    assert carried(app) != MINE
    assert carried(app, "another-id") == "another-id"


def test_rule_10_the_headers_carry_the_id_to_other_services(app: Flask) -> None:
    request_id = RequestID(app, header="X-Trace")
    with app.test_request_context(headers={"X-Trace": MINE}):
        assert request_id.headers() == {"X-Trace": MINE}
    assert request_id.headers() == {}


def test_rule_11_a_new_id_is_a_uuid_of_version_7() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def test_rule_11_an_id_has_the_layout_of_rfc_9562_with_74_random_bits() -> None:
    made = [new_id() for _ in range(1000)]
    assert [str(uuid.UUID(text)) for text in made] == made
    numbers, layout = [uuid.UUID(text).int for text in made], (1 << 80) - 1
    once = layout & reduce(or_, numbers)
    always = layout & reduce(and_, numbers)
    version_and_variant = 0b0111 << 76 | 0b10 << 62
    assert always == version_and_variant
    assert once == layout ^ (0b1000 << 76 | 0b01 << 62)


def test_rule_11_new_ids_differ_and_are_taken_over_by_the_next_service(app: Flask) -> None:
    RequestID(app)
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert answered(app, made[0]) == made[0]


def test_rule_11_threads_never_make_the_same_id() -> None:
    made: list[str] = []
    threads = [Thread(target=lambda: made.extend(new_id() for _ in range(500))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({request_id[14:] for request_id in made}) == len(made) == 4000


_FORKS = """
import os
from flask_rf.request_id import new_id
new_id()
for _ in range(3):
    if os.fork() == 0:
        print(new_id()[14:], flush=True)
        os._exit(0)
    os.wait()
print(new_id()[14:])
"""


def test_rule_11_forked_workers_draw_ids_of_their_own() -> None:
    forked = subprocess.run([sys.executable, "-c", _FORKS], capture_output=True, text=True)
    assert len(set(forked.stdout.split())) == 4, forked.stderr


def test_rule_11_new_ids_sort_by_time() -> None:
    made = []
    for _ in range(5):
        made.append(new_id())
        time.sleep(0.002)
    assert made == sorted(made)
