from __future__ import annotations

import ipaddress
import logging
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_rf import ConfigurationError
from flask_rf.client_address import client_address
from flask_rf.client_address import ClientAddress
from flask_rf.client_address import network_of
from flask_rf.client_address import parse_address
from flask_rf.client_address import UNIX_PEER
from flask_rf.kinds import networks
from tests.conftest import Logged

PROXIES = networks("10.0.0.0/8, 2001:db8:ffff::/48")


def asked_by(peer: str | None, forwarded: str | None = None, trusted: Any = PROXIES) -> str:
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    given = {name: value for name, value in environ.items() if value is not None}
    return ClientAddress(trusted).of(given)


# --- Whose claim counts ---


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:ffff::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
    ids=str,
)
def test_only_a_trusted_peer_speaks_for_others(
    peer: str, forwarded: str | None, client: str
) -> None:
    assert asked_by(peer, forwarded) == client


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("127.0.0.1, 198.51.100.1, 10.0.0.2, 10.0.0.3", "198.51.100.1"),
        ("10.9.9.9, 198.51.100.1", "198.51.100.1"),
        ("<script>, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("unknown", "10.0.0.1"),
        (", ,", "10.0.0.1"),
    ],
)
def test_hops_are_walked_from_the_right_as_far_as_they_are_trusted(
    forwarded: str, client: str
) -> None:
    assert asked_by("10.0.0.1", forwarded) == client


@pytest.mark.parametrize("peer", ["", None])
@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (None, UNIX_PEER),
        ("198.51.100.1", "198.51.100.1"),
        ("127.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("unknown", UNIX_PEER),
    ],
)
def test_behind_a_unix_socket_stands_a_local_proxy(
    peer: str | None, forwarded: str | None, client: str
) -> None:
    assert asked_by(peer, forwarded, trusted=()) == client


addresses = st.ip_addresses().map(str)
hops = st.lists(addresses | st.text(max_size=20)).map(",".join)


@given(peer=addresses, forwarded=hops)
def test_without_trusted_proxies_no_claim_counts(peer: str, forwarded: str) -> None:
    assert asked_by(peer, forwarded, trusted=()) == str(parse_address(peer))


@given(peer=addresses | st.text(max_size=20), forwarded=hops)
def test_garbage_is_never_an_error_and_never_the_answer(peer: str, forwarded: str) -> None:
    client = asked_by(peer, forwarded)
    assert client == UNIX_PEER or ipaddress.ip_address(client)


@given(spoofed=hops, client=st.ip_addresses(network="198.51.100.0/24").map(str))
def test_what_a_client_puts_before_its_address_changes_nothing(spoofed: str, client: str) -> None:
    assert asked_by("10.0.0.1", f"{spoofed},{client}, 10.0.0.2") == client


# --- Reading an address ---


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("198.51.100.1", "198.51.100.1"),
        (" 198.51.100.1:4711 ", "198.51.100.1"),
        ('"198.51.100.1"', "198.51.100.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("[::ffff:c633:6401]:80", "198.51.100.1"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(written: str, read: str) -> None:
    assert str(parse_address(written)) == read


@pytest.mark.parametrize(
    "written", ["", "unknown", "_hidden", "198.51.100", "198.51.100.256", "2001:db8:::1", "[", "%"]
)
def test_all_else_is_no_address(written: str) -> None:
    assert parse_address(written) is None


@pytest.mark.parametrize(
    ("address", "prefix", "network"),
    [
        ("198.51.100.1", 64, "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::/56"),
        ("::ffff:198.51.100.1", 64, "198.51.100.1"),
        (UNIX_PEER, 64, UNIX_PEER),
    ],
)
def test_one_customer_is_one_ipv4_address_or_one_ipv6_network(
    address: str, prefix: int, network: str
) -> None:
    assert network_of(address, prefix) == network


@given(st.ip_addresses(v=6, network="2001:db8:1:2::/64").map(str))
def test_all_addresses_of_a_64_are_one_client(address: str) -> None:
    assert network_of(address) == "2001:db8:1:2::/64"


# --- The app's own ---


def test_trusted_proxies_is_a_setting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
    found = client_address(app)
    assert found.trusted == networks(["10.0.0.0/8", "192.0.2.1/32"])
    assert client_address(app) is found


def test_a_malformed_network_is_refused(app: Flask) -> None:
    app.config["TRUSTED_PROXIES"] = "10.0.0.0/33"
    with pytest.raises(ConfigurationError, match="'10.0.0.0/33' is no IP network"):
        client_address(app)


def test_a_proxy_that_nobody_named_is_warned_of_once(app: Flask, logged: Logged) -> None:
    found = client_address(app)
    for _ in range(3):
        found.of({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.1"})
    [record] = logged()
    assert record.levelno == logging.WARNING
    assert "'10.0.0.1'" in record.message
    assert "TRUSTED_PROXIES" in record.message


def test_a_claim_from_outside_is_no_news_where_proxies_are_named(
    logged: Logged,
) -> None:
    assert asked_by("203.0.113.7", "198.51.100.1") == "203.0.113.7"
    assert logged() == []


def test_under_proxy_fix_its_word_counts_and_nothing_is_warned_of(
    app: Flask, logged: Logged
) -> None:
    @app.get("/")
    def index() -> str:
        from flask import request

        return client_address(app).of(request.environ)

    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]

    answer = app.test_client().get("/", headers={"X-Forwarded-For": "127.0.0.1, 198.51.100.1"})

    assert answer.text == "198.51.100.1"
    assert logged() == []
