from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import SplitResult
from urllib.parse import urlsplit

import pytest
from flask import Flask
from redis.exceptions import ConnectionError
from redis.sentinel import MasterNotFoundError

from flask_rf import ConfigurationError
from flask_rf.redis import client
from flask_rf.redis.client import namespace
from flask_rf.redis.client import redis_url
from flask_rf.redis.client import RedisOptions
from flask_rf.redis.client import RedisServer
from flask_rf.redis.client import unavailable
from flask_rf.settings import resolve
from tests.parts.forks import in_fork
from tests.parts.processes import free_port
from tests.parts.processes import Process
from tests.parts.processes import ROOT
from tests.parts.processes import wait_until
from tests.parts.redis import redis_binary
from tests.parts.redis import RedisProcess

OPTIONS = RedisOptions(connect_timeout=20.0, timeout=20.0)


@contextmanager
def connected(url: str) -> Iterator[RedisServer]:
    server = RedisServer(redis_url(url), OPTIONS)
    with closing(server):
        yield server


# --- What a URL may be ---


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379/0",
        "redis://localhost/",
        "redis://user:p%40ss@10.0.0.1:6379/15?protocol=3",
        "rediss://:secret@redis.example:6380",
        "redis://[::1]:6379/0",
        "unix:///run/redis.sock",
        "unix://user:secret@/run/redis.sock?db=2",
        "redis+sentinel://one:26379,two,[::1]:26380/mymaster",
        "redis+sentinel://:secret@one/mymaster/3",
        "redis+cluster://one:7000",
        "redis+cluster://user:secret@one:7000,two:7001/0",
    ],
)
def test_every_form_of_url_is_accepted_and_kept(url: str) -> None:
    assert redis_url(f" {url}\n") == url


def test_a_list_of_hosts_never_meets_urlsplit_which_some_pythons_made_strict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def strict(url: str) -> SplitResult:
        if "," in url:
            raise ValueError("Invalid IPv6 URL")
        return urlsplit(url)

    monkeypatch.setattr(client, "urlsplit", strict)
    url = "redis+sentinel://:sesame@one:26379,two,[::1]:26380/mymaster"
    assert RedisServer(redis_url(url), OPTIONS).address == url.replace(":sesame@", "")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        "REDIS://localhost",
        "redis:localhost",
        "redis://",
        "redis:///0",
        "redis://:sesame@/0",
        "redis://localhost:port",
        "redis://localhost:66666",
        "redis://localhost/first",
        "redis://localhost/0/1",
        "redis://one,two",
        "redis://:se#same@localhost/0",
        "redis://localhost/0#same",
        "redis://:se/same@localhost/0",
        "redis://user:12/sesame@localhost/0",
        "redis://[::1",
        "redis://:se[same@one",
        "redis+sentinel://:se[same@one/mymaster",
        "unix:/run/redis.sock",
        "unix://",
        "unix://run/redis.sock",
        "redis+sentinel://one:26379",
        "redis+sentinel://one:26379/",
        "redis+sentinel://one:port/mymaster",
        "redis+sentinel://one,,two/mymaster",
        "redis+sentinel://one/mymaster/first",
        "redis+cluster://",
        "redis+cluster://one:7000,two:port",
        "redis+cluster://one:7000/1",
        "",
        None,
        6379,
    ],
)
def test_what_redis_py_would_refuse_later_or_pass_over_is_refused_at_once(
    app: Flask, url: object
) -> None:
    with pytest.raises(ConfigurationError, match="write a URL like redis://localhost") as caught:
        resolve(app, RedisOptions, {"url": url})
    assert "same" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis://one", "rediss://one", "redis+sentinel://one/mymaster"])
@pytest.mark.parametrize("query", ["socket_timout=1", "socket_timeout=soon", "timeout=1"])
def test_what_redis_py_does_not_take_after_the_question_mark_is_refused_at_once(
    app: Flask, scheme: str, query: str
) -> None:
    with pytest.raises(ConfigurationError, match="after the"):
        resolve(app, RedisOptions, {"url": f"{scheme}?{query}"})


@pytest.mark.parametrize(
    "url",
    [
        "rediss://one?ssl_ca_certs=/ca.pem&ssl_check_hostname=false&max_connections=9",
        "redis+cluster://one?ssl=true&ssl_ca_certs=/ca.pem",
        "redis://one?health_check_interval=5&client_name=shop",
        "unix:///run/redis.sock?db=3",
    ],
)
def test_what_redis_py_takes_after_the_question_mark_is_kept(url: str) -> None:
    assert redis_url(url) == url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://user:sesame@localhost:6379/0?password=sesame", "redis://localhost:6379/0"),
        ("rediss://:sesame@redis.example", "rediss://redis.example"),
        ("unix://:sesame@/run/redis.sock?db=2", "unix:///run/redis.sock"),
        ("redis+sentinel://:sesame@one,two/mymaster/0", "redis+sentinel://one,two/mymaster/0"),
    ],
)
def test_an_address_is_the_url_without_its_credentials(url: str, address: str) -> None:
    server = RedisServer(url, OPTIONS)
    assert server.address == address
    assert repr(server) == f"<RedisServer {address}>"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("shop", "shop:1"), ("my shop", "my_shop:1"), ("a{b}[c]*?\\", "a_b__c____:1")],
)
def test_keys_begin_with_the_apps_name_and_the_schemas_version(name: str, prefix: str) -> None:
    assert namespace(Flask(name)) == prefix


def test_the_prefix_of_keys_is_a_setting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RF_PREFIX", "forum")
    assert namespace(app) == "forum:1"


# --- Real servers ---


def test_a_single_server_is_reached_by_its_url(redis_server: RedisProcess) -> None:
    with connected(f"redis://127.0.0.1:{redis_server.port}/5") as server:
        server.client.set("color", "green")
        assert server.client.client_info()["db"] == 5
    assert redis_server.client.get("color") is None


def test_a_password_may_hold_any_character(own_redis: RedisProcess) -> None:
    user = {"passwords": ["+p@/?#:%"], "categories": ["+@all"]}
    own_redis.client.acl_setuser("shop", enabled=True, **user)
    with connected(f"redis://shop:p%40%2F%3F%23%3A%25@127.0.0.1:{own_redis.port}/0") as server:
        assert server.client.acl_whoami() == "shop"


def test_a_unix_socket_is_reached_by_its_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")  # a socket's path has at most 107 bytes
    path = folder / "redis.sock"
    own = RedisProcess(folder, "--unixsocket", str(path))
    try:
        own.client.acl_setuser("shop", enabled=True, passwords=["+sesame"], categories=["+@all"])
        with connected(f"unix://shop:sesame@{path}?db=2") as server:
            assert server.client.acl_whoami() == "shop"
            assert server.client.client_info()["db"] == 2
    finally:
        own.stop()


def test_a_sentinel_names_the_server(own_redis: RedisProcess, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {port}\nsentinel monitor shop 127.0.0.1 {own_redis.port} 1\n")
    command = [redis_binary(), str(config), "--sentinel", "--dir", str(tmp_path)]
    sentinel = Process(command, tmp_path / "sentinel.log")
    try:
        with connected(f"redis+sentinel://127.0.0.1:{port}/shop/3") as server:
            wait_until(lambda: knows_its_master(server), what="the Sentinel")
            server.client.set("color", "green")
            assert server.client.client_info()["db"] == 3
        assert own_redis.client.info("keyspace")["db3"]["keys"] == 1
    finally:
        sentinel.stop()


def knows_its_master(server: RedisServer) -> bool:
    try:
        return bool(server.client.ping())
    except ConnectionError:
        return False


def test_a_cluster_is_reached_by_any_of_its_nodes(tmp_path: Path) -> None:
    bus = str(free_port())  # by default its port + 10000, which may be none
    node = RedisProcess(tmp_path, "--cluster-enabled", "yes", "--cluster-port", bus)
    try:
        node.client.config_set("requirepass", "sesame")
        node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: b"cluster_state:ok" in node.client.execute_command("CLUSTER", "INFO"))
        url = f"redis+cluster://:sesame@127.0.0.1:{free_port()},127.0.0.1:{node.port}"
        with connected(url) as server:
            server.client.set("color", "green")
            assert server.client.get("color") == b"green"
    finally:
        node.stop()


def test_a_restarted_server_is_reached_again_at_once(own_redis: RedisProcess) -> None:
    with connected(own_redis.url) as server:
        assert server.client.ping()
        own_redis.restart()
        assert server.client.ping()


def test_the_settings_are_the_clients() -> None:
    options = RedisOptions(max_connections=3, connect_timeout=1.5, timeout=2.5)
    pool = RedisServer("redis://localhost", options, socket_timeout=0.25).client.connection_pool
    assert pool.max_connections == 3
    assert pool.connection_kwargs["socket_connect_timeout"] == 1.5
    assert pool.connection_kwargs["socket_timeout"] == 0.25
    assert pool.connection_kwargs["health_check_interval"] == 30.0


@pytest.mark.parametrize("url", ["redis://localhost", "unix:///redis", "redis+sentinel://a/b"])
def test_what_a_feature_needs_holds_whatever_the_url_says(url: str) -> None:
    said = "?socket_timeout=5&decode_responses=true&protocol=3&client_name=shop"
    pool = RedisServer(url + said, OPTIONS, socket_timeout=0.25, protocol=2).client.connection_pool

    wanted = {"socket_timeout": 0.25, "decode_responses": False, "protocol": 2}
    assert wanted.items() <= pool.connection_kwargs.items()
    assert pool.connection_kwargs["client_name"] == "shop"


# --- Failing fast ---


def test_a_connection_that_fails_is_not_tried_again() -> None:
    """redis-py tries ten times by default, which holds a request for seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        attempts: list[object] = []

        def hang_up() -> None:
            while True:
                try:
                    peer, address = listener.accept()
                except OSError:
                    return
                attempts.append(address)
                peer.close()

        Thread(target=hang_up, daemon=True).start()
        port = listener.getsockname()[1]
        with connected(f"redis://127.0.0.1:{port}") as server, pytest.raises(ConnectionError):
            server.client.ping()
        assert len(attempts) == 1
        listener.shutdown(socket.SHUT_RDWR)


def test_a_lost_sentinel_is_not_tried_again_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        port = listener.getsockname()[1]
        attempts: list[object] = []
        asking = Thread(target=lambda: attempts.append(knows_its_master(server)))
        with connected(f"redis+sentinel://127.0.0.1:{port}/shop") as server:
            asking.start()
            listener.accept()[0].close()
            asking.join(20)
            listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                listener.accept()
        assert attempts == [False]


def test_our_error_says_the_first_line_of_redis_pys() -> None:
    error = unavailable("rate limit check", ConnectionError("refused\nmore"))
    assert str(error) == "rate limit check: Redis is unavailable (refused)"
    assert error.reason == "refused"
    assert unavailable("ping", ConnectionError()).reason == "ConnectionError"
    lost = MasterNotFoundError("No master found for 'mymaster' : <Redis(<ConnectionPool(…)>)>")
    assert unavailable("ping", lost).reason == "No master found for 'mymaster'"


# --- Processes ---


def test_a_process_keeps_its_client(redis_server: RedisProcess) -> None:
    with connected(redis_server.url) as server:
        assert server.client is server.client


def test_a_closed_server_can_be_used_again(redis_server: RedisProcess) -> None:
    with connected(redis_server.url) as server:
        first = server.client
        server.close()
        server.close()
        assert server.client is not first
        assert server.client.ping()


@pytest.mark.unpatched
def test_a_client_is_never_shared_across_a_fork(redis_server: RedisProcess) -> None:
    with connected(redis_server.url) as server:
        mine, my_id = server.client, server.client.client_id()
        found = in_fork(lambda: f"{server.client is mine} {server.client.client_id()}")
        shared, their_id = found.split()
        assert shared == "False"
        assert int(their_id) != my_id == server.client.client_id()


def test_to_name_a_server_loads_no_client() -> None:
    program = (
        "import sys; from flask_rf.redis import RedisOptions, RedisServer, redis_url;"
        "RedisServer(redis_url('redis://localhost'), RedisOptions()); print('redis' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr


def test_threads_that_come_first_together_share_one_client(
    redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, server, found = client._make_client, RedisServer(redis_server.url, OPTIONS), []

    def make_slowly(*arguments: Any) -> Any:
        time.sleep(0.1)
        return make(*arguments)

    monkeypatch.setattr(client, "_make_client", make_slowly)
    threads = [Thread(target=lambda: found.append(server.client)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 5
    assert len({id(one) for one in found}) == 1
    server.close()
