from __future__ import annotations

import dataclasses
from ipaddress import ip_network
from typing import Any

import pytest

from flask_rf.doctor import app
from flask_rf.doctor.facts import AppFacts
from flask_rf.doctor.findings import judged
from tests.doctor.sites import record
from tests.doctor.sites import sites

KEY = "5c1f0a9e7d3b48f6a2e4c6b8d0917f35"
COOKIES = {"secure": True, "httponly": True, "samesite": "Lax"}
SETTINGS = {
    "TRUSTED_PROXIES": (ip_network("10.0.0.0/8"),),
    "REDIS_URL": "redis://redis/0",
    "RATE_LIMIT_REDIS_URL": "redis://redis/0",
    "BROADCAST_REDIS_URL": "redis://redis/0",
    "RATE_LIMIT_BACKEND": None,
    "BROADCAST_BACKEND": None,
    "RF_PREFIX": "shop",
    "RATE_LIMIT_ENABLED": True,
    "RATE_LIMIT_ON_ERROR": "local",
    "CORS_ORIGINS": ("https://shop.example",),
    "HEALTH_DETAILS": "never",
    "METRICS_ALLOW": (ip_network("127.0.0.0/8"),),
    "BROADCAST_WEBHOOKS": ("https://hooks.example/told",),
    "STORAGE_SIGNING_KEYS": (KEY[::-1],),
}
GOOD = AppFacts(
    name="shop",
    secret_key=KEY,
    cookies=COOKIES,
    max_content_length=1_000_000,
    settings=SETTINGS,
    workers=4,
)
ALONE = {"RATE_LIMIT_REDIS_URL": None, "BROADCAST_REDIS_URL": None, "REDIS_URL": None}


def changed(**changes: Any) -> AppFacts:
    """The good app with other facts, or other settings where the name is one."""
    facts = {name: value for name, value in changes.items() if name.islower()}
    settings = {name: value for name, value in changes.items() if not name.islower()}
    return dataclasses.replace(GOOD, settings={**SETTINGS, **settings}, **facts)


CASES = [
    (changed(debug=True), "hurts", "can run code"),
    (changed(testing=True), "hurts", "TESTING"),
    (changed(secret_key=None), "hurts", "no session"),
    (changed(secret_key=None, STORAGE_SIGNING_KEYS=()), "hurts", "no temporary URL"),
    (changed(STORAGE_SIGNING_KEYS=(KEY, "old")), "hurts", "reads and writes any file"),
    (changed(secret_key=12345), "hurts", "neither text nor bytes"),
    (changed(secret_key="short"), "hurts", "guessed"),
    (changed(secret_key="for development only"), "hurts", "guessed"),
    (changed(secret_key=b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "hurts", "guessed"),
    (changed(cookies={**COOKIES, "httponly": False}), "hurts", "injected script"),
    (changed(cookies={**COOKIES, "secure": False}), "advice", "SESSION_COOKIE_SECURE=True"),
    (changed(cookies={**COOKIES, "samesite": None}), "advice", "SESSION_COOKIE_SAMESITE='Lax'"),
    (changed(max_content_length=None), "advice", "MAX_CONTENT_LENGTH"),
    (changed(max_content_length="1000000"), "hurts", "MAX_CONTENT_LENGTH is '1000000', no number"),
    (changed(async_views=("index",)), "advice", "of index is async def"),
    (changed(async_views=("index", "tea")), "advice", "of index and 1 more are async def"),
    (changed(TRUSTED_PROXIES=(ip_network("0.0.0.0/0"),)), "hurts", "any client may claim"),
    (changed(TRUSTED_PROXIES=(ip_network("::/0"),)), "hurts", "any client may claim"),
    (changed(rewrites_address=True), "hurts", "x_for"),
    (changed(knows_scheme=False), "advice", "TRUSTED_PROXIES in the environment"),
    (changed(TRUSTED_PROXIES=()), "advice", "all clients count as one"),
    (changed(**ALONE), "hurts", "Each of 4 workers"),
    (changed(**ALONE, workers=1), "advice", "second worker"),
    (changed(RF_PREFIX="app"), "advice", "'app'"),
    (changed(refused_limit="RATE_LIMIT_DEFAULT='api': no"), "hurts", "RATE_LIMIT_DEFAULT='api'"),
    (changed(RATE_LIMIT_ENABLED=False), "hurts", "switched off"),
    (changed(RATE_LIMIT_ON_ERROR="allow"), "advice", "RATE_LIMIT_ON_ERROR=local"),
    (changed(CORS_DANGEROUSLY_ALLOW_PUBLIC_SUFFIXES=True), "hurts", "PUBLIC_SUFFIXES"),
    (changed(HEALTH_DETAILS="always"), "advice", "Anybody can read"),
    (changed(METRICS_ALLOW=(ip_network("0.0.0.0/0"),)), "advice", "METRICS_ALLOW names everybody"),
    (changed(BROADCAST_WEBHOOKS=("http://hooks.example/",)), "advice", "unencrypted"),
]


@pytest.mark.parametrize(("facts", "severity", "words"), CASES, ids=lambda case: str(case)[:30])
def test_what_is_wrong_with_an_app_is_the_only_thing_said_against_it(
    facts: AppFacts, severity: str, words: str
) -> None:
    (finding,) = [found for found in judged(facts, app.JUDGES) if found.severity != "fine"]
    assert finding.severity == severity
    assert words in f"{finding.says} {finding.mend}"
    assert finding.mend


def test_nothing_is_said_against_a_good_app() -> None:
    findings = list(judged(GOOD, app.JUDGES))
    assert len(findings) == len(app.JUDGES)
    assert {finding.severity for finding in findings} == {"fine"}


@pytest.mark.parametrize(
    "facts",
    [
        changed(TRUSTED_PROXIES=(), rewrites_address=True, knows_scheme=False),
        changed(BROADCAST_WEBHOOKS=("http://127.0.0.1:8000/", "http://hooks:80/")),
        changed(**ALONE, RF_PREFIX="app"),
        changed(METRICS_ENABLED=False, METRICS_ALLOW=(ip_network("::/0"),)),
    ],
    ids=["ProxyFix does it", "webhooks within", "no Redis, no prefix", "no metrics"],
)
def test_what_is_well_another_way_is_not_blamed(facts: AppFacts) -> None:
    found = {f.subject for f in judged(facts, app.JUDGES) if f.severity != "fine"}
    assert found <= {"several processes"}


def test_features_that_are_not_set_up_are_not_judged() -> None:
    bare = dataclasses.replace(GOOD, settings={})
    judges = [finding.subject for finding in judged(bare, app.JUDGES)]
    assert judges == [
        "debug mode",
        "testing",
        "SECRET_KEY",
        "session cookie",
        "request bodies",
        "async views",
    ]


def test_every_finding_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    met = record(app, monkeypatch)
    for facts in (GOOD, *(case[0] for case in CASES)):
        list(judged(facts, app.JUDGES))
    assert met == sites(app)


def test_no_finding_shows_a_secret() -> None:
    texts = repr([GOOD, *(list(judged(case[0], app.JUDGES)) for case in CASES)])
    assert KEY not in texts
    assert "for development only" not in texts
    assert KEY[::-1] not in texts
