"""The Redis configurations, each started as it is, and the rights of the app's user proven."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.exceptions import NoPermissionError
from redis.exceptions import ResponseError
from redis.retry import Retry

from flask_rf import BroadcastError
from flask_rf import Limiter
from flask_rf import RF
from flask_rf.broadcast.envelope import Envelope
from flask_rf.broadcast.history import History
from flask_rf.broadcast.redis import listener
from flask_rf.broadcast.session import Member
from flask_rf.cli import rf as commands
from flask_rf.errors import RedisUnavailable
from flask_rf.ratelimit.limit import STRATEGIES
from tests.broadcast.ears import Ear
from tests.deploy.conftest import Configured
from tests.deploy.conftest import ConfiguredRedis
from tests.deploy.conftest import DEPLOY
from tests.parts.processes import accepts
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import wait_until
from tests.parts.redis import redis_binary
from tests.parts.redis import with_tls

pytestmark = [pytest.mark.deployment, pytest.mark.servers]

CONFIGURATIONS = ("single", "replicated", "cluster", "tls")


@pytest.fixture
def server(configured: Configured) -> ConfiguredRedis:
    return configured("single")


@pytest.fixture
def app(server: ConfiguredRedis) -> Iterator[Flask]:
    """An app on it as the files of examples/deploy set one up."""
    app = Flask("shop")
    app.config.update(SECRET_KEY="a secret of the tests", RF_PREFIX="chat")
    app.config["REDIS_URL"] = server.url_of("chat")
    app.config["RATE_LIMIT_TIMEOUT"] = app.config["REDIS_TIMEOUT"] = 5
    app.config["BROADCAST_WEBHOOKS"] = "http://127.0.0.1:9/told"
    yield app
    app.extensions["rf_broadcast"].server.broker.stop()


# --- What the app's user may do ---


def limit(app: Flask, rf: RF) -> None:
    """Everything the limiter asks of Redis."""
    for strategy in STRATEGIES:
        terms: dict[str, Any] = {"strategy": strategy, "scope": strategy, "on_error": "deny"}
        view = rf.limiter.limit("3/minute", deduct_when=lambda response: False, **terms)
        app.add_url_rule(f"/{strategy}", strategy, view(lambda: "given back"))
    app.add_url_rule("/one", "one", rf.limiter.concurrency(1, on_error="deny")(lambda: "one"))
    app.add_url_rule("/two", "two", rf.limiter.limit("1/minute", on_error="deny")(lambda: "two"))
    client = app.test_client()
    for path in (*STRATEGIES, "one"):
        assert [client.get(f"/{path}").status_code for _ in range(4)] == [200] * 4
    assert [client.get("/two").status_code for _ in range(2)] == [200, 429]
    rf.limiter.increment("by hand", amount=3)
    assert rf.limiter.decrement("by hand") == 2
    shown = app.test_cli_runner().invoke(commands, ["limits", "show", "127.0.0.1"])
    assert "1/minute" in shown.output
    rf.limiter.reset()
    rf.limiter.clear("by hand")
    assert client.get("/two").status_code == 200


def broadcast(app: Flask) -> None:
    """Everything broadcasting asks of Redis."""
    broker = app.extensions["rf_broadcast"].server.broker
    ear = Ear(broker)
    broker.subscribe("chat")
    broker.publish([("chat", Envelope(b"{}", 0.0)), ("chat", Envelope(b"{}", 0.0))])
    ear.wait_for(2)
    broker.unsubscribe("chat")
    broker.keep([("chat", Envelope(b"{}", 0.0), History(10, 60))])
    (now,) = broker.recover([("chat", None)])
    (since,) = broker.recover([("chat", now.position._replace(offset=0))])
    assert len(since.events) == 1
    broker.remember("cache-chat", b"{}")
    assert broker.remembered("cache-chat") == b"{}"
    assert broker.remembered_for("cache-chat") > 0
    broker.join("presence-chat", "1.1", Member("ann"), 10)
    assert set(broker.users("presence-chat")) == {"ann"}
    broker.count("presence-chat", 1)
    wait_until(lambda: broker.occupied() == {"presence-chat": 1}, what="the count")
    assert broker.sizes(["presence-chat"])[0].users == 1
    assert broker.online(["ann"]) == []
    broker.leave("presence-chat", "1.1", "ann")
    broker.count("presence-chat", 0)
    wait_until(lambda: broker.occupied() == {}, what="the count")
    wait_until(lambda: ("presence-chat", "ann") in broker.departed(), what="the departure")


def leave_a_dead_worker(app: Flask, operator: Any) -> str:
    """As if a worker had died; returns the key of those that live."""
    keys = app.extensions["rf_broadcast"].server.broker._keys
    sockets, *_ = keys.presence("presence-chat")
    operator.zadd(keys.servers(), {"dead": 1, "living": time.time()})
    operator.sadd(keys.entries(0, "dead"), "2.1 presence-chat bob")
    operator.hset(sockets, "2.1", "bob")
    operator.hset(keys.subscribers(0, "dead"), "presence-chat", 1)
    servers: str = keys.servers()
    return servers


def granted() -> set[str]:
    """The single commands that users.acl gives to the app."""
    (line,) = re.findall(r"^user chat .*", (DEPLOY / "redis" / "users.acl").read_text(), re.M)
    return {name.partition("|")[0] for name in re.findall(r" \+([a-z|]+)", line)}


def denied(operator: Any, *users: str) -> list[tuple[str, str]]:
    """What users were refused so far."""
    log = [(entry["username"], entry["object"]) for entry in operator.acl_log()]
    return [entry for entry in log if entry[0] in users]


def test_the_app_may_do_all_that_it_does_and_nothing_that_it_does_not(
    app: Flask, server: ConfiguredRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_LINGER", 0.0)
    operator = server.client_of("operator")
    operator.config_resetstat()

    limit(app, RF(app))
    servers = leave_a_dead_worker(app, operator)
    broadcast(app)
    wait_until(
        lambda: denied(operator, "chat") or "dead" not in operator.zrange(servers, 0, -1),
        what="the clearing away",
    )
    wait_until(lambda: "cmdstat_unsubscribe" in operator.info("commandstats"), what="the leaving")

    assert denied(operator, "chat") == [], "add them to users.acl"
    used = {
        name.removeprefix("cmdstat_").partition("|")[0] for name in operator.info("commandstats")
    }
    elsewhere = {"command", "cluster", "info"}  # a Cluster's client, and flask rf doctor
    elsewhere |= {"spublish", "ssubscribe", "sunsubscribe"}  # in a Cluster; see below
    assert granted() - used - elsewhere == set(), "take them out of users.acl"


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "other:key"),
        ("SET", "other:key", "1"),
        ("PUBLISH", "other:channel", "1"),
        ("EVAL", "return redis.call('get', 'other:key')", 0),
        ("KEYS", "*"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("CLIENT", "KILL", "TYPE", "normal"),
        ("SHUTDOWN",),
        ("ACL", "LIST"),
        ("REPLICAOF", "NO", "ONE"),
    ],
    ids=lambda command: command[0],
)
def test_the_app_may_neither_touch_others_keys_nor_the_server(
    server: ConfiguredRedis, command: tuple[str, ...]
) -> None:
    with pytest.raises((NoPermissionError, ResponseError), match="(?i)permission|no access|ACL"):
        server.client_of("chat").execute_command(*command)


def test_nobody_else_comes_in(server: ConfiguredRedis) -> None:
    once = Retry(NoBackoff(), 0)
    for credentials in ("", "chat:guessed@", "default:@"):
        url = f"redis://{credentials}127.0.0.1:{server.port}/0"
        with pytest.raises(AuthenticationError):
            Redis.from_url(url, retry=once).get("chat:key")
    with pytest.raises(NoPermissionError):
        Redis.from_url(f"redis://health:-@127.0.0.1:{server.port}", retry=once).get("chat:key")


def test_the_containers_health_check_needs_no_password(server: ConfiguredRedis) -> None:
    (check,) = re.findall(r"test: \[CMD, (redis-cli.+)\]", (DEPLOY / "compose.yaml").read_text())
    arguments = [argument.strip(' "') for argument in check.split(",")]
    command = [*arguments[:1], "-p", str(server.port), *arguments[1:]]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "PONG\n"
    server.stop()
    assert subprocess.run(command, capture_output=True).returncode != 0


def test_without_rights_the_limiter_counts_in_memory_and_sending_says_why(
    app: Flask, server: ConfiguredRedis
) -> None:
    server.client_of("operator").execute_command("ACL", "SETUSER", "chat", "-evalsha", "-publish")
    rf = RF(app, limiter=Limiter(default="1/minute"))
    app.add_url_rule("/", "home", lambda: "home")
    assert [app.test_client().get("/").status_code for _ in range(2)] == [200, 429]
    with pytest.raises((BroadcastError, RedisUnavailable), match="permission"):
        rf.broadcast.to("chat").send("said")


# --- Each configuration ---


def common_settings(client: Any) -> dict[str, str]:
    names = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "protected-mode")
    found: dict[str, str] = client.config_get(*names)
    return found


@pytest.mark.parametrize("name", [name for name in CONFIGURATIONS if name != "tls"])
def test_a_configuration_evicts_nothing_and_survives_a_restart(
    configured: Configured, name: str
) -> None:
    options = ["--cluster-port", str(free_port())] if name == "cluster" else []
    server = configured(name, *options)
    assert common_settings(server.client_of("operator")) == {
        "maxmemory": str(256 * 1024 * 1024),
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "protected-mode": "yes",
    }
    if name == "cluster":
        server.client_of("operator").execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: is_whole(server.client_of("operator"), 1), 30, "a Cluster of one")
    server.client_of("operator").set("{chat:1}:kept", "1")
    server.restart()
    wait_until(lambda: server.client_of("operator").info()["loading"] == 0, what="its data")
    assert server.client_of("operator").keys("*") == ["{chat:1}:kept"]


def is_whole(operator: Any, nodes: int) -> bool:
    """Whether a Cluster's node sees all slots served, and as many nodes."""
    said = str(operator.execute_command("CLUSTER", "INFO"))
    return "cluster_state:ok" in said and f"known_nodes:{nodes}" in said


def test_limits_and_events_go_over_tls(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    port = free_port()
    options = ["--port", "0", "--tls-port", str(port)]
    for name in ("cert", "key", "ca-cert"):
        file = tmp_path / f"{name.removesuffix('-cert')}.pem"
        options += [f"--tls-{name}-file", str(file)]
    monkeypatch.setattr(ConfiguredRedis, "_answers", lambda self: accepts(port))
    server = configured("tls", *options, binary=with_tls(tmp_path))
    app = Flask("shop")
    app.config.update(SECRET_KEY="a secret of the tests", RF_PREFIX="chat")
    password = server.password_of("chat")
    url = f"rediss://chat:{password}@localhost:{port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
    app.config.update(REDIS_URL=url, RATE_LIMIT_TIMEOUT=5, REDIS_TIMEOUT=5, REDIS_CONNECT_TIMEOUT=5)
    rf = RF(app)
    app.add_url_rule("/", "home", rf.limiter.limit("1/minute", on_error="deny")(lambda: "home"))
    assert [app.test_client().get("/").status_code for _ in range(2)] == [200, 429]
    rf.broadcast.to("chat").send("said")


def test_sentinels_find_the_primary_and_its_replica_by_the_rights_they_are_given(
    configured: Configured, secrets: Path, tmp_path: Path
) -> None:
    auth = ("--masterauth", (secrets / "redis_password_replica").read_text())
    primary = configured("replicated", *auth)
    replica = configured("replicated", *auth, "--replicaof", f"127.0.0.1 {primary.port}")
    wait_until(lambda: replica.client_of("operator").role()[3] == "connected", what="the replica")
    port = free_port()
    text = (DEPLOY / "redis" / "sentinel.conf").read_text()
    for old, new in (
        ("port 26379", f"port {port}"),
        ("dir /tmp", f"dir {tmp_path}"),
        ("redis-1 6379 2", f"127.0.0.1 {primary.port} 1"),
        ("sentinel PASSWORD", f"sentinel {primary.password_of('sentinel')}"),
        ("mymaster PASSWORD", f"mymaster {primary.password_of('sentinel')}"),
        ("down-after-milliseconds mymaster 5000", "down-after-milliseconds mymaster 1000"),
        ("failover-timeout mymaster 30000", "failover-timeout mymaster 2000"),
    ):
        text = text.replace(old, new)
    (tmp_path / "sentinel.conf").write_text(text)
    command = [redis_binary(), str(tmp_path / "sentinel.conf"), "--sentinel"]
    sentinel = Process(command, tmp_path / "sentinel.log")
    try:
        sentinel.await_start(lambda: accepts(port))
        watcher: Any = Redis("127.0.0.1", port, decode_responses=True)
        wait_until(lambda: watcher.sentinel_master("mymaster")["num-slaves"] == 1, what="both")
        app = Flask("shop")
        app.config.update(SECRET_KEY="a secret of the tests", RF_PREFIX="chat")
        chat = f"chat:{primary.password_of('chat')}"
        app.config["REDIS_URL"] = f"redis+sentinel://{chat}@127.0.0.1:{port}/mymaster/0"
        app.config.update(RATE_LIMIT_TIMEOUT=5, REDIS_TIMEOUT=5, REDIS_CONNECT_TIMEOUT=5)
        rf = RF(app)
        view = rf.limiter.limit("1000/minute", on_error="deny")(lambda: "home")
        app.add_url_rule("/", "home", view)
        assert app.test_client().get("/").status_code == 200
        rf.broadcast.to("chat").send("said")
        primary.stop()
        wait_until(
            lambda: watcher.sentinel_master("mymaster")["port"] == replica.port,
            60,
            "a new primary: " + sentinel.output(),
        )
        operator = replica.client_of("operator")
        wait_until(lambda: operator.role()[0] == "master", 60, "its promotion")
        # The successor takes writes, though it has no replica yet.
        wait_until(lambda: app.test_client().get("/").status_code == 200, 60, "limits again")
        assert operator.keys("chat:*")
        assert denied(operator, "chat", "replica", "sentinel") == []
    finally:
        sentinel.kill()


def test_a_cluster_of_the_configuration_carries_limits_and_events(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(listener, "_LINGER", 0.0)
    nodes = [configured("cluster", "--cluster-port", str(free_port())) for _ in range(3)]
    operators = [node.client_of("operator") for node in nodes]
    for n, operator in enumerate(operators):
        first, last = n * 16384 // 3, (n + 1) * 16384 // 3 - 1
        operator.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        operator.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
    for operator in operators[1:]:
        (bus,) = operator.config_get("cluster-port").values()
        port = operator.connection_pool.connection_kwargs["port"]
        operators[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
    for operator in operators:
        wait_until(lambda o=operator: is_whole(o, 3), 30, "a whole Cluster")  # type: ignore[misc]
    app = Flask("shop")
    app.config.update(SECRET_KEY="a secret of the tests", RF_PREFIX="chat")
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    url = f"redis+cluster://chat:{nodes[0].password_of('chat')}@{hosts}"
    app.config.update(REDIS_URL=url, RATE_LIMIT_TIMEOUT=5, REDIS_TIMEOUT=5)
    app.config["BROADCAST_WEBHOOKS"] = "http://127.0.0.1:9/told"
    rf = RF(app)
    request.addfinalizer(app.extensions["rf_broadcast"].server.broker.stop)
    app.add_url_rule("/", "home", rf.limiter.limit("1/minute", on_error="deny")(lambda: "home"))
    assert [app.test_client().get("/").status_code for _ in range(2)] == [200, 429]
    rf.limiter.reset()
    assert app.test_client().get("/").status_code == 200
    broadcast(app)

    def used() -> set[str]:
        return {name for operator in operators for name in operator.info("commandstats")}

    sharded = {f"cmdstat_{name}" for name in ("spublish", "ssubscribe", "sunsubscribe")}
    wait_until(lambda: sharded <= used(), what=f"{sharded} to be used")
    assert [denied(operator, "chat") for operator in operators] == [[]] * 3
