"""Blueprints of the features' routes, which answer on every host of an app."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask import current_app
from flask import Flask
from flask import has_request_context
from flask import request
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

#: In an app with ``host_matching`` or ``subdomain_matching``, the part of our rules that takes any.
_HOST = "rf_host"
_ANY = f"<{_HOST}:{_HOST}>"


class EveryHost(Blueprint):
    """A blueprint whose rules match any host, also where an app tells its hosts apart.

    A probe names the address of a pod, which no rule of the app's own does; Werkzeug takes it for
    a subdomain of its own.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.url_value_preprocessor(_leave_out)
        self.url_defaults(_fill_in)

    def make_setup_state(
        self, app: Any, options: dict[str, Any], first_registration: bool = False
    ) -> BlueprintSetupState:
        return _SetupState(self, app, options, first_registration)


class _AnyHost(BaseConverter):
    def to_url(self, value: str) -> str:
        return value  # an IPv6 address keeps its brackets, or it is not the request's own host


class _SetupState(BlueprintSetupState):
    def add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
        self.app.url_map.converters[_HOST] = _AnyHost
        if self.app.url_map.host_matching:
            options["host"] = _ANY
        super().add_url_rule(rule, *args, **options)
        if self.app.subdomain_matching:
            super().add_url_rule(rule, *args, **options, subdomain=_ANY)


def host_values(app: Flask, host: str) -> dict[str, str]:
    """What a URL of such a blueprint is built with, beside its own values."""
    return {_HOST: host} if app.url_map.host_matching else {}


def _leave_out(endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values is not None:
        values.pop(_HOST, None)


def _fill_in(endpoint: str, values: dict[str, Any]) -> None:
    if current_app.url_map.host_matching:
        own = request.host.lower() if has_request_context() else current_app.config["SERVER_NAME"]
        values.setdefault(_HOST, own)
    elif current_app.subdomain_matching and has_request_context():
        adapter = current_app.create_url_adapter(request)
        if adapter is not None and adapter.subdomain:
            values.setdefault(_HOST, adapter.subdomain)
