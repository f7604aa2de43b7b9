"""Gathers what there is to know of an app and of the machine it runs on."""

from __future__ import annotations

import importlib.util
import os
import resource
import shlex
from collections.abc import Iterator
from contextlib import suppress
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from flask import Flask

from ..errors import ConfigurationError
from ..settings import resolved_settings
from .facts import AppFacts
from .facts import GunicornFacts
from .facts import MachineFacts
from .gunicorn import option

_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
#: What production wants, by the module to look for.
_WANTED = {"gunicorn": "gunicorn", "packaging": "packaging", "psutil": "psutil"}


#: Where gunicorn, by itself or by flask_rf.gunicorn, reads whom to believe.
_BELIEVED = ("FORWARDED_ALLOW_IPS", "TRUSTED_PROXIES", "TRUSTED_PROXIES_FILE")


def app_facts(app: Flask) -> AppFacts:
    config = app.config
    return AppFacts(
        name=app.name,
        debug=app.debug,
        testing=app.testing,
        secret_key=app.secret_key,
        cookies={
            flag: config[f"SESSION_COOKIE_{flag.upper()}"]
            for flag in ("secure", "httponly", "samesite")
        },
        max_content_length=config["MAX_CONTENT_LENGTH"],
        settings=_settings(app),
        rewrites_address=_rewrites(app, "x_for"),
        knows_scheme=any(map(os.environ.get, _BELIEVED)) or _rewrites(app, "x_proto"),
        workers=_workers(),
        async_views=tuple(
            name for name, view in app.view_functions.items() if iscoroutinefunction(view)
        ),
        refused_limit=_refused_limit(app),
    )


def machine_facts(app: Flask) -> MachineFacts:
    return MachineFacts(
        open_files=_open_files(),
        sockets=_settings(app).get("BROADCAST_MAX_CONNECTIONS"),
        backlog=_backlog(),
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        workers=_workers(),
        shared_memory=os.path.isdir("/dev/shm"),
        missing=tuple(
            name for name, module in _WANTED.items() if importlib.util.find_spec(module) is None
        ),
        gunicorns=tuple(_gunicorns()),
    )


def _settings(app: Flask) -> dict[str, Any]:
    return {key: found.value for key, found in resolved_settings(app).items()}


def _refused_limit(app: Flask) -> str:
    """What a worker, or the first request, would refuse: routes are not known before."""
    limiter = app.extensions.get("rf_limiter")
    try:
        if limiter is not None:
            limiter.compile_plan()
    except ConfigurationError as error:
        return str(error)
    return ""


def _workers() -> int:
    """What ``WEB_CONCURRENCY`` says; what is no number is gunicorn's to refuse."""
    written = os.environ.get("WEB_CONCURRENCY", "")
    return int(written) if written.isdecimal() else 1


def _layers(wsgi: Any) -> Iterator[Any]:
    """A WSGI app and what it wraps, as far as wrappers keep it under a usual name."""
    while wsgi is not None:
        yield wsgi
        names = ("app", "_app", "wsgi_app", "_wsgi_app", "application")
        inner = (getattr(wsgi, name, None) for name in names)
        wsgi = next((found for found in inner if callable(found)), None)


def _rewrites(app: Flask, what: str) -> bool:
    """Whether a ProxyFix around the app believes a header, ``"x_for"`` or ``"x_proto"``."""
    fixes = [layer for layer in _layers(app.wsgi_app) if type(layer).__name__ == "ProxyFix"]
    return any(getattr(fix, what, 0) > 0 for fix in fixes)


def _open_files() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _backlog() -> int | None:
    try:
        return int(_SOMAXCONN.read_text())
    except (OSError, ValueError):
        return None


def _gunicorns() -> Iterator[GunicornFacts]:
    """The gunicorns that were started in this folder, without their workers."""
    try:
        import psutil
    except ImportError:
        return
    added: list[str] = []
    with suppress(ValueError):  # a quotation without an end is gunicorn's to refuse
        added = shlex.split(os.environ.get("GUNICORN_CMD_ARGS", ""))
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _is_gunicorn(process) and process.cwd() == os.getcwd():
                arguments = (*added, *process.cmdline())
                yield GunicornFacts(process.pid, arguments, _gunicorn_source(arguments))


def _gunicorn_source(arguments: tuple[str, ...]) -> str | None:
    """The source of the settings of a gunicorn that was started in this folder."""
    named = option(arguments, "-c", "--config")
    if named.startswith("python:"):
        named = f"{named.removeprefix('python:').replace('.', '/')}.py"
    file = Path(named.removeprefix("file:") or "gunicorn.conf.py")
    if not named and not file.exists():
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _is_gunicorn(process: Any) -> bool:
    def serves(one: Any) -> bool:
        return any("gunicorn" in os.path.basename(word) for word in one.cmdline()[:3])

    parent = process.parent()
    return serves(process) and not (parent is not None and serves(parent))
