"""The doctor looks at real apps, a real machine and real Redis servers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_rf import BroadcastError
from flask_rf import Compress
from flask_rf import RF
from flask_rf.doctor.facts import RedisFacts
from flask_rf.doctor.gunicorn import understood
from flask_rf.doctor.look import _gunicorn_source
from flask_rf.doctor.look import app_facts
from flask_rf.doctor.look import machine_facts
from flask_rf.doctor.look_at_redis import redis_facts
from tests.parts.cluster import RedisClusterProcesses
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import free_port
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess


def test_an_app_is_seen_as_it_is(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    app.config.update(SESSION_COOKIE_SECURE=True, MAX_CONTENT_LENGTH=9, HEALTH_DETAILS="always")
    app.debug = True
    RF(app)
    facts = app_facts(app)
    assert (facts.name, facts.debug, facts.testing, facts.workers) == ("shop", True, False, 3)
    assert facts.secret_key == app.secret_key
    assert facts.cookies == {"secure": True, "httponly": True, "samesite": None}
    assert facts.max_content_length == 9
    assert facts.settings["HEALTH_DETAILS"] == "always"
    assert facts.settings["STORAGE_SIGNING_KEYS"] == ()


def test_limits_that_no_worker_would_start_with_are_seen(app: Flask) -> None:
    app.config["RATE_LIMIT_DEFAULT"] = "banana"
    RF(app)
    assert app_facts(app).refused_limit.startswith("RATE_LIMIT_DEFAULT='banana': no limiter")


def test_async_views_are_seen(app: Flask) -> None:
    async def tea() -> str:
        return "tea"

    app.add_url_rule("/tea", view_func=tea)
    app.add_url_rule("/", "index", lambda: "")
    RF(app)
    assert app_facts(app).async_views == ("tea",)


def test_proxy_fix_is_found_within_other_middleware(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]
    RF(app)  # which wraps it
    assert app_facts(app).rewrites_address


def test_a_proxy_fix_that_leaves_the_address_alone_is_none(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=1)  # type: ignore[method-assign]
    RF(app)
    assert not app_facts(app).rewrites_address


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({}, False),
        ({"TRUSTED_PROXIES": "10.0.0.0/8"}, True),
        ({"TRUSTED_PROXIES_FILE": "proxies"}, True),
        ({"FORWARDED_ALLOW_IPS": "10.0.0.0/8"}, True),
    ],
    ids=str,
)
def test_proxies_of_the_environment_are_those_that_gunicorn_knows(
    app: Flask, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], told: bool
) -> None:
    for key in ("TRUSTED_PROXIES", "TRUSTED_PROXIES_FILE", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(key, raising=False)
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    app.config["TRUSTED_PROXIES"] = "10.0.0.0/8"
    RF(app)
    assert app_facts(app).knows_scheme is told


def test_a_proxy_fix_knows_the_scheme(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=1)  # type: ignore[method-assign]
    RF(app)
    assert app_facts(app).knows_scheme


def test_arguments_that_no_shell_understands_are_gunicorns_to_refuse(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--bind 'localhost")
    assert machine_facts(app).cpus > 0


@pytest.mark.parametrize("written", ["", "many"])
def test_workers_that_are_no_number_are_gunicorns_to_refuse(
    app: Flask, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", written)
    assert app_facts(app).workers == 1


def test_a_machine_is_seen_as_it_is(app: Flask) -> None:
    RF(app)
    facts = machine_facts(app)
    assert facts.open_files is None or facts.open_files > 0
    assert facts.sockets == 20_000
    assert 0 < facts.cpus <= (os.cpu_count() or 1)
    assert facts.missing == ()


def test_without_broadcasting_no_sockets_are_promised(app: Flask) -> None:
    Compress(app)
    assert machine_facts(app).sockets is None


@pytest.mark.servers
def test_a_gunicorn_of_this_folder_is_found_without_its_workers(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    server = Gunicorn("tests.apps.events:app", tmp_path)
    try:
        (mine,) = [g for g in machine_facts(app).gunicorns if str(server.port) in str(g.arguments)]
        assert mine.pid == server.process.pid
        monkeypatch.chdir(tmp_path)
        assert machine_facts(app).gunicorns == ()
    finally:
        server.process.kill()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("options", "name", "has_ours"),
    [
        (["-c", "mine.py"], "mine.py", True),
        (["-c", "file:mine.py"], "mine.py", True),
        (["-c", "python:conf.mine"], "conf/mine.py", True),
        ([], "gunicorn.conf.py", True),
        (["-c", "mine.py"], "mine.py", False),
    ],
    ids=str,
)
def test_the_settings_of_a_gunicorn_of_this_folder_are_read(
    app: Flask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    name: str,
    has_ours: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = tmp_path / name
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("from flask_rf.gunicorn import *\n" if has_ours else "threads = 2\n")
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    place = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", *options, "--bind", place, "tests.apps.events:app"]
    with subprocess.Popen(command, env=env) as server:
        try:
            wait_until(lambda: machine_facts(app).gunicorns)
            (facts,) = machine_facts(app).gunicorns
        finally:
            server.terminate()
    assert facts.pid == server.pid
    assert understood(facts.arguments, facts.source).has_ours is has_ours


@pytest.mark.parametrize("name", ["gone.py", "binary.py"])
def test_settings_that_nobody_can_read_are_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary.py").write_bytes(b"\xff")
    assert _gunicorn_source(("-c", name)) is None
    assert _gunicorn_source(()) == ""


# --- Redis ---


@pytest.fixture
def shop(app: Flask, redis_server: RedisProcess) -> Flask:
    app.config["REDIS_URL"] = redis_server.url
    RF(app)
    return app


def the_one(app: Flask) -> RedisFacts:
    (facts,) = redis_facts(app)
    return facts


def test_without_a_url_there_is_none_to_look_at(app: Flask) -> None:
    RF(app)
    assert redis_facts(app) == []


def test_a_server_tells_of_itself(shop: Flask, redis_server: RedisProcess) -> None:
    facts = the_one(shop)
    assert facts.settings == ("REDIS_URL",)
    assert facts.address == redis_server.url
    assert (facts.error, facts.refused, facts.told) == ("", (), True)
    assert int(facts.version.partition(".")[0]) >= 7
    assert (facts.role, facts.policy, facts.maxmemory) == ("master", "noeviction", 0)
    assert (facts.appends, facts.saves, facts.broken_writes) == (False, False, False)
    assert facts.used_memory > 0 and facts.clients > 0 and facts.max_clients > 0
    assert 0 < facts.latency < 5
    assert abs(facts.skew) < 5
    assert facts.patience == 0.05


@pytest.fixture
def tuned(own_redis: RedisProcess, app: Flask) -> Iterator[tuple[Flask, RedisProcess]]:
    app.config["REDIS_URL"] = own_redis.url
    RF(app)
    yield app, own_redis


def test_memory_and_persistence_are_seen(tuned: tuple[Flask, RedisProcess]) -> None:
    app, server = tuned
    settings = {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru", "save": "60 1"}
    for name, value in settings.items():
        server.client.config_set(name, value)
    facts = the_one(app)
    assert (facts.maxmemory, facts.policy, facts.saves) == (64 * 1024 * 1024, "allkeys-lru", True)


def test_a_replica_is_known_as_one(tuned: tuple[Flask, RedisProcess]) -> None:
    app, server = tuned
    server.client.execute_command("REPLICAOF", "127.0.0.1", free_port())
    assert the_one(app).role == "slave"


def test_rights_that_are_missing_are_named(tuned: tuple[Flask, RedisProcess]) -> None:
    app, server = tuned
    rules = ["on", "nopass", "~other:*", "&other:*", "+@all", "-eval", "-info"]
    server.client.execute_command("ACL", "SETUSER", "default", "reset", *rules)
    facts = the_one(app)
    assert facts.refused == (
        "GET shop:1:doctor",
        "DEL shop:1:doctor",
        "GET {shop:1}:doctor",
        "EVAL",
        "PUBLISH {shop:1}:doctor",
    )
    assert not facts.told


def test_a_server_that_is_not_there_says_why(app: Flask) -> None:
    app.config["REDIS_URL"] = f"redis://:sesame@127.0.0.1:{free_port()}/0"
    RF(app)
    facts = the_one(app)
    assert "refused" in facts.error
    assert "sesame" not in repr(facts)


def test_a_password_that_the_server_does_not_ask_for_is_seen(
    app: Flask, redis_server: RedisProcess
) -> None:
    # By RESP3's HELLO, redis-py's default, it would be taken; the features speak RESP2.
    url = redis_server.url.replace("//", "//:sesame@")
    app.config.update(REDIS_URL=url, REDIS_TIMEOUT=5)  # a busy machine's takes its time
    rf = RF(app)
    assert "without any password" in the_one(app).error
    with pytest.raises(BroadcastError, match="without any password"):
        rf.broadcast.to("news").send("headline")


def test_a_server_that_is_no_cluster_is_no_traceback(
    app: Flask, redis_server: RedisProcess
) -> None:
    app.config["REDIS_URL"] = f"redis+cluster://127.0.0.1:{redis_server.port}"
    RF(app)
    (facts,) = redis_facts(app)
    assert "Cluster" in facts.error


def test_a_server_that_is_deaf_is_given_up(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_rf.doctor.look_at_redis._PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        app.config["REDIS_URL"] = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        RF(app)
        assert "imeout" in the_one(app).error or "imed out" in the_one(app).error


def test_each_server_is_looked_at_once_under_all_its_names(
    app: Flask, redis_server: RedisProcess, own_redis: RedisProcess
) -> None:
    app.config.update(REDIS_URL=redis_server.url, RATE_LIMIT_REDIS_URL=redis_server.url)
    app.config["BROADCAST_REDIS_URL"] = own_redis.url
    RF(app)
    found = {facts.settings: facts for facts in redis_facts(app)}
    assert set(found) == {("REDIS_URL", "RATE_LIMIT_REDIS_URL"), ("BROADCAST_REDIS_URL",)}
    assert found[("BROADCAST_REDIS_URL",)].patience == 0.5


@pytest.mark.servers
def test_of_a_cluster_each_primary_is_looked_at(app: Flask, tmp_path: Path) -> None:
    cluster = RedisClusterProcesses(tmp_path)
    try:
        app.config["RATE_LIMIT_REDIS_URL"] = cluster.url
        RF(app, broadcast=None)
        found = redis_facts(app)
        assert {facts.address for facts in found} == {f"127.0.0.1:{n.port}" for n in cluster.nodes}
        assert [facts.refused for facts in found] == [()] * 3
    finally:
        cluster.stop()
