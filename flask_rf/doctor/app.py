"""Judges an app and its settings. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from ..kinds import hold_everybody
from .facts import AppFacts
from .findings import advice
from .findings import Finding
from .findings import fine
from .findings import hurts
from .guessing import can_be_guessed
from .guessing import raw

_KEY_MEND = (
    "set app.config['SECRET_KEY'] to what "
    'python3 -c "import secrets; print(secrets.token_hex(32))" prints'
)
_COMMON_NAMES = {"app", "application", "main", "__main__", "wsgi", "server", "web"}


def debug(facts: AppFacts) -> Finding:
    if facts.debug:
        return hurts(
            "debug mode",
            "Debug mode is on: whoever meets an error page can run code here.",
            "unset FLASK_DEBUG, and start without --debug",
        )
    return fine("debug mode", "Debug mode is off.")


def testing(facts: AppFacts) -> Finding:
    if facts.testing:
        return hurts(
            "testing",
            "TESTING is on: errors are raised through the server instead of answered.",
            "leave app.config['TESTING'] out in production",
        )
    return fine("testing", "TESTING is off.")


def secret_key(facts: AppFacts) -> Finding:
    key = facts.secret_key
    if not key:
        missed = "no session can be kept"
        if facts.settings.get("STORAGE_SIGNING_KEYS") == ():
            missed += ", no temporary URL of a local disk be signed"
        return hurts("SECRET_KEY", f"There is none: {missed}.", _KEY_MEND)
    if not isinstance(key, (str, bytes)):
        return hurts("SECRET_KEY", "It is neither text nor bytes: nothing is signed.", _KEY_MEND)
    if can_be_guessed(key):
        return hurts(
            "SECRET_KEY",
            "It can be guessed: whoever does is any user, and may join any channel.",
            _KEY_MEND,
        )
    return fine("SECRET_KEY", f"It has {len(raw(key))} bytes.")


def session_cookie(facts: AppFacts) -> Finding:
    cookies = facts.cookies
    if cookies.get("httponly") is False:
        return hurts(
            "session cookie",
            "Scripts can read it, so one injected script takes sessions over.",
            "leave SESSION_COOKIE_HTTPONLY at True",
        )
    missing = [
        setting
        for flag, setting in (
            ("secure", "SESSION_COOKIE_SECURE=True"),
            ("samesite", "SESSION_COOKIE_SAMESITE='Lax'"),
        )
        if not cookies.get(flag)
    ]
    if missing:
        return advice(
            "session cookie",
            "Browsers also send it without TLS, or along with requests of other sites.",
            f"set {' and '.join(missing)}",
        )
    return fine(
        "session cookie", "It goes over TLS only, from this site's pages, unseen by scripts."
    )


def body_size(facts: AppFacts) -> Finding:
    limit = facts.max_content_length
    if limit is not None and not isinstance(limit, (int, float)):
        return hurts(
            "request bodies",
            f"MAX_CONTENT_LENGTH is {limit!r}, no number: to read a body is a 500.",
            "write it as bytes, as in int(os.environ['MAX_CONTENT_LENGTH'])",
        )
    if facts.max_content_length is None:
        return advice(
            "request bodies",
            "Their size is not limited here, so one request can fill the memory.",
            "set MAX_CONTENT_LENGTH in bytes, or limit it in the proxy (client_max_body_size)",
        )
    return fine("request bodies", f"They have at most {facts.max_content_length:,} bytes.")


def async_views(facts: AppFacts) -> Finding:
    if not facts.async_views:
        return fine("async views", "There are none, so gevent runs them all.")
    first, more = facts.async_views[0], len(facts.async_views) - 1
    named = f"The view of {first} and {more} more are" if more else f"The view of {first} is"
    return advice(
        "async views",
        f"{named} async def: with gevent, one of two such requests at a time is a 500.",
        "write it without async, or run gunicorn with --worker-class gthread",
    )


def proxies(facts: AppFacts) -> Finding | None:
    if "TRUSTED_PROXIES" not in facts.settings:
        return None
    networks = facts.settings["TRUSTED_PROXIES"]
    if hold_everybody(networks):
        return hurts(
            "proxies",
            "TRUSTED_PROXIES names everybody: any client may claim any address, and "
            "limits by address limit nobody.",
            "name the networks that your proxies are in",
        )
    if networks and facts.rewrites_address:
        return hurts(
            "proxies",
            "ProxyFix has replaced the proxy's address before TRUSTED_PROXIES is asked about it.",
            "take x_for out of ProxyFix, or leave TRUSTED_PROXIES empty",
        )
    if not networks and not facts.rewrites_address:
        return advice(
            "proxies",
            "None is trusted: behind one, all clients count as one.",
            "name its network in TRUSTED_PROXIES; without a proxy all is well",
        )
    if networks and not facts.knows_scheme:
        return advice(
            "proxies",
            "gunicorn does not read app.config: where one ends TLS, links begin with http:.",
            "set TRUSTED_PROXIES in the environment instead, for flask_rf.gunicorn to read",
        )
    return fine("proxies", "Clients are told apart behind them.")


def one_process(facts: AppFacts) -> Finding | None:
    shared = [facts.settings.get(key) for key in ("RATE_LIMIT_REDIS_URL", "BROADCAST_REDIS_URL")]
    if not {"RATE_LIMIT_BACKEND", "BROADCAST_BACKEND"} & set(facts.settings):
        return None
    if any(shared):
        return fine("several processes", "They share what they count and send.")
    if facts.workers > 1 and "BROADCAST_BACKEND" in facts.settings:
        return hurts(
            "several processes",
            f"Each of {facts.workers} workers would reach only its own sockets.",
            "set REDIS_URL, or run one worker",
        )
    return advice(
        "several processes",
        "Without Redis each counts by itself, and events stay within one.",
        "set REDIS_URL before you start a second worker or machine",
    )


def prefix(facts: AppFacts) -> Finding | None:
    used = facts.settings.get("RF_PREFIX")
    if used is None or not any(
        key.endswith("REDIS_URL") and v for key, v in facts.settings.items()
    ):
        return None
    if used.lower() in _COMMON_NAMES:
        return advice(
            "RF_PREFIX",
            f"Keys in Redis begin with {used!r}, as those of any other app may that is called so.",
            "set RF_PREFIX to a name of your own",
        )
    return fine("RF_PREFIX", f"Keys in Redis begin with {used!r}.")


def limits(facts: AppFacts) -> Finding | None:
    if "RATE_LIMIT_ENABLED" not in facts.settings:
        return None
    if facts.refused_limit:
        return hurts(
            "rate limits", "A worker does not start with them.", f"look at {facts.refused_limit}"
        )
    if not facts.settings["RATE_LIMIT_ENABLED"]:
        return hurts("rate limits", "They are all switched off.", "set RATE_LIMIT_ENABLED=true")
    if facts.settings["RATE_LIMIT_ON_ERROR"] == "allow":
        return advice(
            "rate limits",
            "Without Redis nothing is limited.",
            "set RATE_LIMIT_ON_ERROR=local, and each worker counts by itself meanwhile",
        )
    return fine("rate limits", "They hold, with Redis and without.")


def cors(facts: AppFacts) -> Finding | None:
    if "CORS_ORIGINS" not in facts.settings:
        return None
    dangerous = [
        key
        for key in ("INSECURE_ORIGINS", "PUBLIC_SUFFIXES")
        if facts.settings.get(f"CORS_DANGEROUSLY_ALLOW_{key}")
    ]
    if dangerous:
        return hurts(
            "CORS",
            "Cookies are lent to pages whose origin strangers can take.",
            f"leave out CORS_DANGEROUSLY_ALLOW_{' and '.join(dangerous)}",
        )
    return fine("CORS", "No stranger's page gets cookies.")


def health_details(facts: AppFacts) -> Finding | None:
    if "HEALTH_DETAILS" not in facts.settings:
        return None
    if facts.settings["HEALTH_DETAILS"] == "always":
        return advice(
            "health",
            "Anybody can read which parts the app depends on, and how they are.",
            "set HEALTH_DETAILS=never, or to a function that knows who may",
        )
    return fine("health", "Strangers learn whether the app is well, and no more.")


def metrics(facts: AppFacts) -> Finding | None:
    if "METRICS_ALLOW" not in facts.settings or facts.settings.get("METRICS_ENABLED") is False:
        return None
    if hold_everybody(facts.settings["METRICS_ALLOW"]):
        return advice(
            "metrics",
            "METRICS_ALLOW names everybody: strangers can read which routes are asked how often.",
            "name the network of who scrapes, or set METRICS_TOKEN and leave METRICS_ALLOW out",
        )
    return fine("metrics", "Strangers cannot read them.")


def webhooks(facts: AppFacts) -> Finding | None:
    urls = facts.settings.get("BROADCAST_WEBHOOKS")
    if not urls:
        return None
    plain = [url for url in urls if url.startswith("http:") and not _is_local(url)]
    if plain:
        return advice(
            "webhooks",
            "They go out unencrypted, names of users included.",
            "write https:// in BROADCAST_WEBHOOKS",
        )
    return fine("webhooks", "They are encrypted on their way.")


def signing_keys(facts: AppFacts) -> Finding | None:
    keys = facts.settings.get("STORAGE_SIGNING_KEYS")
    if not keys:
        return None  # then it is SECRET_KEY
    if any(map(can_be_guessed, keys)):
        return hurts(
            "STORAGE_SIGNING_KEYS",
            "One can be guessed: whoever does reads and writes any file of a local disk.",
            "write keys as for SECRET_KEY: 32 random bytes each",
        )
    return fine("STORAGE_SIGNING_KEYS", "None can be guessed.")


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


JUDGES = (
    debug,
    testing,
    secret_key,
    session_cookie,
    body_size,
    async_views,
    proxies,
    one_process,
    prefix,
    limits,
    cors,
    health_details,
    metrics,
    webhooks,
    signing_keys,
)
