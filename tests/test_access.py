"""Who may read what is for operators."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_rf import kinds
from flask_rf.access import Access
from flask_rf.access import LOOPBACK
from flask_rf.client_address import ClientAddress


def access(
    allow: Any = LOOPBACK, token: str | None = None, trusted: tuple[str, ...] = ()
) -> Access:
    return Access(kinds.networks(allow), token, ClientAddress(kinds.networks(trusted)))


def asked(peer: str, **headers: str) -> dict[str, str]:
    return {"REMOTE_ADDR": peer, **{f"HTTP_{name}": value for name, value in headers.items()}}


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_only_hosts_of_the_networks_are_let_in(peer: str, admitted: bool) -> None:
    assert access().admits(asked(peer)) is admitted


def test_other_networks_can_be_allowed() -> None:
    assert access("10.0.0.0/8").admits(asked("10.1.2.3"))
    assert not access("10.0.0.0/8").admits(asked("127.0.0.1"))


@pytest.mark.parametrize(
    "header",
    [
        "X_FORWARDED_FOR",
        "X_FORWARDED_HOST",
        "X_FORWARDED_PROTO",
        "FORWARDED",
        "VIA",
        "X_REAL_IP",
        "CF_CONNECTING_IP",
        "TRUE_CLIENT_IP",
        "X_CLIENT_IP",
        "X_CLUSTER_CLIENT_IP",
        "X_FORWARDED",
        "FASTLY_CLIENT_IP",
    ],
)
def test_what_was_forwarded_by_nobody_trusted_is_refused(header: str) -> None:
    """Behind a proxy on the same host the whole world comes from loopback."""
    assert not access().admits(asked("127.0.0.1", **{header: "127.0.0.1"}))


def test_a_trusted_proxy_speaks_for_its_client() -> None:
    trusting = access("192.0.2.0/24", trusted=("127.0.0.1",))
    assert trusting.admits(asked("127.0.0.1", X_FORWARDED_FOR="192.0.2.7"))
    assert not trusting.admits(asked("127.0.0.1", X_FORWARDED_FOR="198.51.100.7"))
    assert not trusting.admits(asked("127.0.0.1", X_FORWARDED_FOR="192.0.2.7, 198.51.100.7"))


def test_a_trusted_proxy_that_does_not_say_for_whom_is_refused() -> None:
    trusting = access(trusted=("127.0.0.1",))
    assert not trusting.admits(asked("127.0.0.1", X_REAL_IP="198.51.100.7"))
    for unsaid in ("", "unknown", "198.51.100.7, unknown", "_hidden"):
        assert not trusting.admits(asked("127.0.0.1", X_FORWARDED_FOR=unsaid))


@pytest.mark.parametrize("hidden", ["unknown", "unix:", "_hidden", ""])
def test_whoever_is_hidden_behind_trusted_proxies_is_refused(hidden: str) -> None:
    """As nginx names who came by a unix socket: the loopback after it is that proxy's own."""
    trusting = access(trusted=("127.0.0.1",))
    forwarded = f"198.51.100.7, {hidden}, 127.0.0.1"
    assert not trusting.admits(asked("127.0.0.1", X_FORWARDED_FOR=forwarded))
    assert not trusting.admits(asked("", X_FORWARDED_FOR=forwarded))


def test_what_stands_before_a_known_client_is_its_own_affair() -> None:
    office = access("192.0.2.0/24", trusted=("127.0.0.1",))
    assert office.admits(asked("127.0.0.1", X_FORWARDED_FOR="unknown, 192.0.2.7, 127.0.0.1"))


def test_a_proxy_on_a_unix_socket_speaks_for_its_client() -> None:
    assert access("192.0.2.0/24").admits(asked("", X_FORWARDED_FOR="192.0.2.7"))
    assert not access("192.0.2.0/24").admits(asked("", X_FORWARDED_FOR="198.51.100.7"))


@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
@pytest.mark.parametrize(("peer", "admitted"), [("198.51.100.7", False), ("127.0.0.1", True)])
def test_what_proxy_fix_has_written_over_is_not_believed(
    trusted: tuple[str, ...], peer: str, admitted: bool
) -> None:
    seen: list[bool] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(access("192.0.2.0/24", trusted=trusted).admits(environ))
        seen.append(access("127.0.0.1", trusted=trusted).admits(environ))
        return []

    for claimed in ("192.0.2.7", "127.0.0.1"):
        ProxyFix(app)(asked(peer, X_FORWARDED_FOR=claimed), None)  # type: ignore[arg-type]
    believed = admitted and trusted != ()
    assert seen == [believed, False, False, believed]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_is_enough_from_anywhere(scheme: str) -> None:
    environ = asked("198.51.100.7", AUTHORIZATION=f"{scheme} s3cret", X_FORWARDED_FOR="1.2.3.4")
    assert access(token="s3cret").admits(environ)


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer s3cre", "Bearer", "s3cret", "Basic s3cret", "Bearer é", ""]
)
def test_another_token_is_not(header: str) -> None:
    assert not access(token="s3cret").admits(asked("198.51.100.7", AUTHORIZATION=header))


def test_without_a_token_none_is_right() -> None:
    for header in ("Bearer ", "Bearer None", "Bearer"):
        assert not access().admits(asked("198.51.100.7", AUTHORIZATION=header))


@given(st.text(), st.text())
def test_no_header_makes_trouble(authorization: str, forwarded: str) -> None:
    environ = asked("127.0.0.1", AUTHORIZATION=authorization, X_FORWARDED_FOR=forwarded)
    assert access(token="s3cret").admits(environ) in (False, authorization == "Bearer s3cret")
